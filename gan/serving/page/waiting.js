// Work that may fail. What may pass by itself, such as a queue that is full, is tried again; the rest is said.

/** There is no answer now, but may be in `seconds`. */
export class Unavailable extends Error {
  constructor(message, seconds) {
    super(message);
    this.seconds = seconds;
  }
}

/** This will not be done, however often it is asked for. */
export class Refused extends Error {}

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
