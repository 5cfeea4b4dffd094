// What happens while the page is open, from the stream of events.

import { address, get, turn } from "./api.js";

const TYPES = [
  "conversation.created", "conversation.assigned", "conversation.unassigned", "conversation.resolved",
  "conversation.reopened", "conversation.deleted", "conversation.receipts", "conversation.updated",
  "conversation.read", "conversation.unread", "conversation.snoozed", "conversation.unsnoozed",
  "conversation.imported", "conversation.merged", "message.received", "message.sent", "message.delivered",
  "message.read", "message.failed", "message.system", "message.edited", "message.revoked", "message.updated",
  "message.reacted", "message.unreacted", "message.played", "message.retried", "note.added", "contact.created",
  "contact.updated", "contact.identified", "contact.merged", "contact.conflict", "contact.erased",
];

/** A page that is not in sight keeps its connection for this long: a browser has few for one server. */
const HIDDEN = 2_000;
/** One that was not in sight for longer is read anew, rather than event by event. */
const REPLAYED = 10 * 60_000;
/** Events may have come before a stream that took so long to begin. */
const SLOW = 1_000;

export class Live {
  /** `on`: `event(event)`, `state(name)` of `live` and `waiting`, and `missed()` when events may have been. */
  constructor(on) {
    this.on = on;
    this.tries = 0;
    this.last = null;
    this.hasMissed = false;
    this.visibility = () => this.seen();
    document.addEventListener("visibilitychange", this.visibility);
    if (document.hidden) this.pause();
    else this.connect();
  }

  async connect() {
    this.stop();
    const attempt = {};
    this.attempt = attempt;
    const begun = Date.now();
    const done = await turn();
    if (this.attempt !== attempt) {
      done();
      return;
    }
    const from = address("events/stream");
    if (this.last) from.searchParams.set("after", this.last);
    const source = new EventSource(from);
    // It may wait for a connection, and nobody waits for it.
    done();
    this.source = source;
    let isFirst = true;
    source.onopen = () => {
      this.tries = 0;
      this.on.state("live");
      if (this.hasMissed || (isFirst && !this.last && Date.now() - begun > SLOW)) this.on.missed();
      isFirst = false;
      this.hasMissed = false;
    };
    source.onerror = () => {
      this.on.state("waiting");
      this.failed(source, attempt);
    };
    for (const type of TYPES) {
      source.addEventListener(type, (event) => {
        this.last = event.lastEventId || this.last;
        try {
          this.on.event(JSON.parse(event.data));
        } catch (error) {
          if (!(error instanceof SyntaxError)) throw error;
        }
      });
    }
  }

  /** A stream does not say why it failed: the session may have ended. */
  async failed(source, attempt) {
    const isOver = source.readyState === EventSource.CLOSED;
    const status = await this.ask();
    if (!isOver || this.attempt !== attempt) return;
    // The browser gives up where the answer was an error. The events after the last one may be gone by now.
    this.last = null;
    this.hasMissed = true;
    this.tries += 1;
    clearTimeout(this.again);
    this.again = setTimeout(() => this.connect(), status === 429 ? 0 : Math.min(30_000, 500 * 2 ** this.tries));
  }

  /** The status of the session. Where it has ended, this ends the page. */
  ask() {
    const options = { isOnce: true, signal: AbortSignal.timeout(10_000) };
    this.asking ??= get("session", undefined, options).then(() => 200, (error) => error.status).finally(() => { this.asking = null; });
    return this.asking;
  }

  seen() {
    clearTimeout(this.leaving);
    if (document.hidden) {
      this.leaving = setTimeout(() => this.pause(), HIDDEN);
    } else if (this.pausedAt) {
      if (Date.now() - this.pausedAt > REPLAYED) this.last = null;
      // Without an event of before, it is not known where to go on.
      if (!this.last) this.hasMissed = true;
      this.pausedAt = null;
      this.connect();
    }
  }

  pause() {
    this.pausedAt ??= Date.now();
    this.stop();
    this.on.state("waiting");
  }

  stop() {
    clearTimeout(this.again);
    this.attempt = null;
    this.source?.close();
  }

  close() {
    clearTimeout(this.leaving);
    document.removeEventListener("visibilitychange", this.visibility);
    this.stop();
  }
}

/**
 * Calls `work` soon, once for all that asked meanwhile, and not again before it is done and has rested: a busy inbox
 * asks the server no more often than that.
 */
export function batched(work, soon, rest = soon) {
  let timer = null;
  let running = false;
  let wanted = false;
  let next = 0;
  const run = async () => {
    timer = null;
    running = true;
    wanted = false;
    try {
      await work();
    } finally {
      running = false;
      next = Date.now() + rest;
      if (wanted) ask();
    }
  };
  const ask = () => {
    wanted = true;
    if (!timer && !running) timer = setTimeout(run, Math.max(soon, next - Date.now()));
  };
  return ask;
}
