// What happens while the page is open, from the stream of events.

import { address } from "./api.js";

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
const HIDDEN = 60_000;

export class Live {
  /** `on`: `event(event)`, `state(name)` of `live` and `waiting`, and `missed()` when events may have been. */
  constructor(on) {
    this.on = on;
    this.tries = 0;
    this.last = null;
    this.visibility = () => this.seen();
    document.addEventListener("visibilitychange", this.visibility);
    this.connect();
  }

  connect() {
    clearTimeout(this.again);
    const from = address("events/stream");
    if (this.last) from.searchParams.set("after", this.last);
    const source = new EventSource(from);
    this.source = source;
    source.onopen = () => {
      this.tries = 0;
      this.on.state("live");
      if (this.hasMissed) this.on.missed();
      this.hasMissed = false;
    };
    source.onerror = () => {
      this.on.state("waiting");
      if (source.readyState !== EventSource.CLOSED) return;
      // The browser gives up where the answer was an error. The events after the last one may be gone by now.
      this.last = null;
      this.hasMissed = true;
      this.tries += 1;
      this.again = setTimeout(() => this.connect(), Math.min(30_000, 500 * 2 ** this.tries));
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

  seen() {
    clearTimeout(this.leaving);
    if (document.hidden) {
      this.leaving = setTimeout(() => this.pause(), HIDDEN);
    } else if (this.isPaused) {
      this.isPaused = false;
      this.connect();
    }
  }

  pause() {
    this.isPaused = true;
    this.hasMissed = true;
    this.last = null;
    this.source.close();
    this.on.state("waiting");
  }

  close() {
    clearTimeout(this.again);
    clearTimeout(this.leaving);
    document.removeEventListener("visibilitychange", this.visibility);
    this.source.close();
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
