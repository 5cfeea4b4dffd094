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

export const address = (path) => new URL(path, BASE);

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A random name of a request, so that a repetition changes nothing. */
function newKey() {
  const words = crypto.getRandomValues(new Uint32Array(4));
  return `inbox-${[...words].map((word) => word.toString(16).padStart(8, "0")).join("")}`;
}

/**
 * Asks, and answers the JSON. A command has a key of its own, so that it is repeated safely when its answer is lost.
 */
export async function request(method, path, options = {}) {
  const { body, query, revision, signal, bearer, quiet } = options;
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
    try {
      return await once(url, send, quiet);
    } catch (error) {
      const again = error instanceof ApiError && [0, 408, 429, 503].includes(error.status) && attempt < 4;
      if (!again || signal?.aborted) throw error;
      await pause(Math.min(5, error.retryAfter) * (error.status === 0 ? 300 * attempt : 1000));
    }
  }
}

async function once(url, send, quiet) {
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
  if (response.status === 401 && !quiet) signedOut();
  throw new ApiError(response.status, json, response.headers.get("Retry-After"));
}

export const get = (path, query, options) => request("GET", path, { query, ...options });
export const post = (path, body, options) => request("POST", path, { body, ...options });
export const put = (path, body, options) => request("PUT", path, { body, ...options });
export const patch = (path, body, options) => request("PATCH", path, { body, ...options });
export const remove = (path, options) => request("DELETE", path, options);

/** A part of a path. */
export const part = (id) => encodeURIComponent(id);
