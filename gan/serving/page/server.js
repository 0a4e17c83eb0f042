// Requests to the server. A page without a server has another file in this one's place: gan/export/browser/server.js.

import { Refused, Unavailable } from "./waiting.js";

/** There is an API, which can be asked from a shell, too. */
export const HAS_API = true;

const TIMEOUT_MILLISECONDS = 30_000;
const RETRY_SECONDS = 2;

/**
 * GET `path`, or POST `body` to it as JSON: the reply's bytes, and the checkpoint that drew them.
 * Paths are relative, so that the page also works behind a proxy that puts it below a prefix.
 */
export async function request(path, body) {
  const options = { signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS) };
  if (body) {
    const headers = { "Content-Type": "application/json" };
    Object.assign(options, { method: "POST", headers, body: JSON.stringify(body) });
  }
  let reply, blob;
  try {
    reply = await fetch(path, options);
    blob = await reply.blob();
  } catch {
    throw new Unavailable("The server does not answer. Trying again …", RETRY_SECONDS);
  }
  if (reply.status >= 500) {
    const problem = reply.status === 503 ? "is busy" : `failed: ${await detail(blob, reply)}`;
    const seconds = Number(reply.headers.get("Retry-After")) || RETRY_SECONDS;
    throw new Unavailable(`The server ${problem}. Trying again …`, Math.min(Math.max(seconds, 0.1), 30));
  }
  if (!reply.ok) {
    throw new Refused(`The server refused: ${await detail(blob, reply)}`);
  }
  return { blob, checkpoint: reply.headers.get("X-Checkpoint") };
}

export async function requestJson(path) {
  const { blob } = await request(path);
  return JSON.parse(await blob.text());
}

async function detail(blob, reply) {
  try {
    const { detail } = JSON.parse(await blob.text());
    return typeof detail === "string" ? detail : JSON.stringify(detail);
  } catch {
    return `${reply.status} ${reply.statusText}`;
  }
}
