// Requests to the server. What may pass by itself, such as a queue that is full, is tried again; the rest is said.

const TIMEOUT_MILLISECONDS = 30_000;
const RETRY_SECONDS = 2;

/** The server cannot answer now, but may in `seconds`. */
class Unavailable extends Error {
  constructor(message, seconds) {
    super(message);
    this.seconds = seconds;
  }
}

/** The server will not do this, however often it is asked. */
class Refused extends Error {}

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

/**
 * A function that does `work` for the value it was last called with, one at a time.
 *
 * Values that came and went while one was in work are skipped. The one in work is not aborted: while a slider is
 * dragged its image is still the newest there is, and a server slower than the hand would never show any.
 */
export function latest(work, say) {
  let wanted = null;
  let running = false;
  return async function want(value) {
    wanted = { value };
    if (running) return;
    running = true;
    while (wanted) {
      const current = wanted;
      const error = await attempt(work, current.value);
      say(error?.message ?? "");
      if (error instanceof Unavailable) await sleep(error.seconds);
      else if (wanted === current) wanted = null;
    }
    running = false;
  };
}

async function attempt(work, value) {
  try {
    await work(value);
    return null;
  } catch (error) {
    if (!(error instanceof Unavailable || error instanceof Refused)) reportError(error);
    return error;
  }
}

function sleep(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** A function that does `work` once it has not been called for so long. */
export function whenQuiet(milliseconds, work) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(work, milliseconds, ...values);
  };
}
