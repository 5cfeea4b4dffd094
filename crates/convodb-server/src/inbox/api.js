// Requests to the API, of the session that the cookie holds.

const BASE = new URL("v1/", document.baseURI);

/** An answer that is not of 2xx, or none. */
export class ApiError extends Error {
  constructor(status, body, retryAfter) {
    const error = body?.error ?? {};
    super(error.message ?? (status ? `The server answered ${status}.` : "The server cannot be reached."));
    this.status = status;
    this.code = error.code ?? "";
    this.body = error;
    this.retryAfter = Number(retryAfter) || 1;
  }
}

let signedOut = () => {};
/** What happens when the session has ended. */
export function onSignedOut(handler) {
  signedOut = handler;
}

let session = 0;
/** A new session begins: what was asked in one before says nothing about it. */
export function beginSession() {
  session += 1;
}

let limited = () => {};
/** What happens when there were too many requests: `handler(seconds)`, and `handler(null)` when it is over. */
export function onLimited(handler) {
  limited = handler;
}

let isLimited = false;
let opening = null;
/** Those that wait for their turn, commands first. */
const waiting = [];

/** The server answers nothing for so long. */
function limit(seconds) {
  isLimited = true;
  clearTimeout(opening);
  opening = setTimeout(next, 1000 * seconds);
  limited(seconds);
}

/** Lets the next one ask. When none waits, all may again. */
function next() {
  const first = waiting.shift();
  if (first) {
    first.resolve();
  } else if (isLimited) {
    isLimited = false;
    limited(null);
  }
}

/**
 * Waits for a turn, where there were too many requests: one asks after another until all are answered. Answers what to
 * call when it has asked.
 */
export async function turn(isCommand = false) {
  if (!isLimited) return () => {};
  await new Promise((resolve) => {
    const place = isCommand ? waiting.filter((other) => other.isCommand).length : waiting.length;
    waiting.splice(place, 0, { resolve, isCommand });
  });
  return next;
}

export const address = (path) => new URL(path, BASE);

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A random name of a request, so that a repetition changes nothing. */
function newKey() {
  const words = crypto.getRandomValues(new Uint32Array(4));
  return `inbox-${[...words].map((word) => word.toString(16).padStart(8, "0")).join("")}`;
}

/**
 * Asks, and answers the JSON. A command has a key of its own, so that it is repeated safely when its answer is lost.
 * After too many requests it waits for as long as the server says; with `isOnce` nothing is repeated.
 */
export async function request(method, path, options = {}) {
  const { body, query, revision, signal, bearer, quiet, isOnce } = options;
  const url = address(path);
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  }
  const headers = {};
  const isCommand = method !== "GET";
  if (isCommand) headers["X-Convodb-Csrf"] = "1";
  if (isCommand && path !== "session") headers["Idempotency-Key"] = newKey();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (revision !== undefined) headers["If-Match"] = `"${revision}"`;
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  const send = { method, headers, signal, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) send.body = JSON.stringify(body);
  for (let attempt = 1; ; attempt += 1) {
    // A key that was typed may be another one than that of the limit.
    const done = isOnce || bearer ? () => {} : await turn(isCommand);
    try {
      const answer = await once(url, send, quiet);
      done();
      return answer;
    } catch (error) {
      if (error.status === 429) {
        limit(error.retryAfter);
        if (isOnce) throw error;
        if (bearer) await pause(1000 * error.retryAfter);
        attempt -= 1;
        continue;
      }
      done();
      const again = error instanceof ApiError && [0, 408, 503].includes(error.status) && attempt < 4 && !isOnce;
      if (!again || signal?.aborted) throw error;
      await pause(Math.min(5, error.retryAfter) * (error.status === 0 ? 300 * attempt : 1000));
    }
  }
}

async function once(url, send, quiet) {
  const asked = session;
  let response;
  try {
    response = await fetch(url, send);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0);
  }
  if (response.status === 204) return null;
  const json = await response.json().catch(() => null);
  if (response.ok) return json;
  if (response.status === 401 && !quiet && asked === session) signedOut();
  throw new ApiError(response.status, json, response.headers.get("Retry-After"));
}

export const get = (path, query, options) => request("GET", path, { query, ...options });
export const post = (path, body, options) => request("POST", path, { body, ...options });
export const put = (path, body, options) => request("PUT", path, { body, ...options });
export const patch = (path, body, options) => request("PATCH", path, { body, ...options });
export const remove = (path, options) => request("DELETE", path, options);

/** A part of a path. */
export const part = (id) => encodeURIComponent(id);
