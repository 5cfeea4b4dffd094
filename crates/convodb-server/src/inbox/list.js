// The list of conversations, of any length: only the rows in sight are there, and only their pages are read.

import { get } from "./api.js";
import { CHANNELS, contactName, inboxName, isMe, nameOf } from "./directory.js";
import { avatar, bdi, el, fill, icon, plain, spoken } from "./dom.js";
import { snippet } from "./message.js";
import * as time from "./time.js";

const ROW = 80;
export const PAGE = 50;
/** Browsers bound the height of an element. A list that is higher moves faster than its scroll bar. */
const MAX_HEIGHT = 6_000_000;
const OVERSCAN = 5;
const KEPT_PAGES = 24;

export class List {
  /** `on`: `open(row)`, `moved(list)`, `problem(error)`. */
  constructor(on) {
    this.on = on;
    this.canvas = el("div", { class: "list-canvas", role: "presentation" });
    this.message = el("div", { class: "list-message", hidden: true });
    this.element = el("div", {
      class: "list", role: "listbox", tabindex: "0", "aria-label": "Conversations",
      onscroll: () => this.scrolled(), onkeydown: (event) => this.pressed(event),
    }, this.canvas);
    this.rows = new Map();
    this.reset({});
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  reset(query) {
    for (const pending of this.pending?.values() ?? []) pending.abort();
    this.query = query;
    this.pages = new Map();
    this.pending = new Map();
    this.stale = new Set();
    this.total = null;
    this.offset = 0;
    this.top = 0;
    this.active = -1;
    this.activeId = null;
  }

  /** Shows another list, from its beginning. */
  show(query) {
    this.reset(query);
    this.element.scrollTop = 0;
    this.say(null);
    for (const { node } of this.rows.values()) node.remove();
    this.rows.clear();
    this.element.setAttribute("aria-busy", "true");
    return this.fetch(1);
  }

  /** Reads what is in sight anew. The rest is read when it comes into sight. */
  async refresh() {
    this.stale = new Set(this.pages.keys());
    const pages = this.visiblePages();
    await Promise.all((pages.length ? pages : [1]).map((page) => this.fetch(page)));
  }

  get view() {
    return this.element.clientHeight || 600;
  }

  get height() {
    return Math.max((this.total ?? 0) * ROW, 1);
  }

  /** Where the list is, in its own height. */
  get position() {
    return this.top + this.offset;
  }

  get scale() {
    const shown = Math.min(this.height, MAX_HEIGHT);
    return this.height <= MAX_HEIGHT ? 1 : (this.height - this.view) / (shown - this.view);
  }

  scrolled() {
    const top = this.element.scrollTop;
    const distance = Math.abs(top - this.top);
    if (distance === 0) return;
    this.top = top;
    if (this.height <= MAX_HEIGHT) {
      this.offset = 0;
    } else if (distance > this.view) {
      // The scroll bar was taken to another place.
      this.offset = top * this.scale - top;
    }
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.settle(), 150);
    this.draw();
  }

  /** Puts the scroll bar where it belongs, after steps that were finer than its own. */
  settle() {
    if (this.height > MAX_HEIGHT) this.moveTo(this.position);
  }

  moveTo(position) {
    const wanted = Math.max(0, Math.min(position, this.height - this.view));
    this.element.scrollTop = Math.round(wanted / this.scale);
    this.top = this.element.scrollTop;
    this.offset = this.height <= MAX_HEIGHT ? 0 : wanted - this.top;
    this.draw();
  }

  get first() {
    return Math.max(0, Math.floor(this.position / ROW));
  }

  get last() {
    return Math.min((this.total ?? 0) - 1, Math.ceil((this.position + this.view) / ROW) - 1);
  }

  get page() {
    // A page is shown where most of the rows are of it.
    return Math.max(1, Math.floor((this.first + (this.last - this.first) / 2) / PAGE) + 1);
  }

  get pageCount() {
    return Math.max(1, Math.ceil((this.total ?? 0) / PAGE));
  }

  goToPage(number) {
    const page = Math.max(1, Math.min(number, this.pageCount));
    this.moveTo((page - 1) * PAGE * ROW);
    this.activate((page - 1) * PAGE);
  }

  visiblePages() {
    if (this.total === null || this.total === 0) return [];
    const pages = [];
    for (let page = Math.floor(this.first / PAGE) + 1; page <= Math.floor(this.last / PAGE) + 1; page += 1) pages.push(page);
    return pages;
  }

  row(index) {
    return this.pages.get(Math.floor(index / PAGE) + 1)?.[index % PAGE] ?? null;
  }

  async fetch(page) {
    this.pending.get(page)?.abort();
    const abort = new AbortController();
    this.pending.set(page, abort);
    const { query } = this;
    try {
      const answer = await get("conversations",
        { ...query, page, limit: PAGE, include: "last_message,contact" }, { signal: abort.signal });
      if (query !== this.query) return;
      this.pages.set(page, answer.data);
      this.stale.delete(page);
      this.forget();
      const total = Number(answer.total);
      const isFirst = this.total === null;
      if (total !== this.total) {
        const { position } = this;
        this.total = total;
        this.canvas.style.height = `${Math.min(this.height, MAX_HEIGHT)}px`;
        if (!isFirst && this.height > MAX_HEIGHT) this.moveTo(position);
      }
      this.follow();
      this.element.removeAttribute("aria-busy");
      this.say(total === 0 ? el("p", null, "No conversations here.") : null);
      this.draw();
    } catch (error) {
      if (error.name === "AbortError" || query !== this.query) return;
      this.element.removeAttribute("aria-busy");
      this.on.problem(error);
    } finally {
      if (this.pending.get(page) === abort) this.pending.delete(page);
    }
  }

  /** Keeps the pages near what is in sight. */
  forget() {
    if (this.pages.size <= KEPT_PAGES) return;
    const here = Math.floor(this.first / PAGE) + 1;
    const far = [...this.pages.keys()].sort((one, other) => Math.abs(other - here) - Math.abs(one - here));
    for (const page of far.slice(0, this.pages.size - KEPT_PAGES)) this.pages.delete(page);
  }

  /** The active row stays the same conversation where the list has moved. */
  follow() {
    if (!this.activeId || this.row(this.active)?.id === this.activeId) return;
    for (const [page, rows] of this.pages) {
      if (this.stale.has(page)) continue;
      const at = rows.findIndex((row) => row.id === this.activeId);
      if (at >= 0) {
        this.active = (page - 1) * PAGE + at;
        return;
      }
    }
    this.active = Math.min(this.active, this.total - 1);
  }

  say(content) {
    this.message.hidden = !content;
    fill(this.message, content);
  }

  draw() {
    if (this.total === null) return;
    const from = Math.max(0, this.first - OVERSCAN);
    const to = Math.min(this.total - 1, this.last + OVERSCAN);
    for (const [index, { node }] of this.rows) {
      if (index < from || index > to) {
        node.remove();
        this.rows.delete(index);
      }
    }
    let before = null;
    for (let index = from; index <= to; index += 1) {
      const node = this.drawRow(index);
      // They are in the order of the list, for those who read the page without seeing it.
      const place = before ? before.nextSibling : this.canvas.firstChild;
      if (node !== place) this.canvas.insertBefore(node, place);
      before = node;
    }
    const active = this.rows.get(this.active);
    if (active) this.element.setAttribute("aria-activedescendant", active.node.id);
    else this.element.removeAttribute("aria-activedescendant");
    clearTimeout(this.reading);
    const missing = this.visiblePages().filter((page) => !this.pages.has(page) || this.stale.has(page));
    // A page in passing is not read.
    this.reading = missing.length && setTimeout(() => this.readMissing(), 60);
    this.on.moved(this);
  }

  readMissing() {
    const visible = this.visiblePages();
    for (const [page, abort] of this.pending) if (!visible.includes(page)) abort.abort();
    for (const page of visible) {
      if ((!this.pages.has(page) || this.stale.has(page)) && !this.pending.has(page)) this.fetch(page);
    }
  }

  drawRow(index) {
    const row = this.row(index);
    const state = `${this.total}|${index === this.active}|${row?.id === this.openId}|${row ? JSON.stringify(row) : ""}`;
    let known = this.rows.get(index);
    if (!known || known.state !== state) {
      const node = this.renderRow(index, row);
      known?.node.replaceWith(node);
      known = { node, state };
      this.rows.set(index, known);
    }
    known.node.style.transform = `translateY(${index * ROW - this.offset}px)`;
    return known.node;
  }

  renderRow(index, row) {
    const common = { role: "option", id: `row-${index}`, "aria-setsize": this.total, "aria-posinset": index + 1 };
    if (!row) {
      return el("div", { ...common, class: "list-row loading", "aria-selected": "false" },
        el("span", { class: "avatar" }), el("span", { class: "list-text" }, el("span", { class: "bar" }), el("span", { class: "bar short" })));
    }
    const name = contactName(row.contact, row);
    const last = row.last_message && snippet(row.last_message);
    const unread = row.unread_count ?? 0;
    const isOpen = row.id === this.openId;
    return el("div", {
      ...common, "aria-selected": String(isOpen), "data-id": row.id, "data-index": index,
      class: `list-row${unread ? " unread" : ""}${isOpen ? " open" : ""}${index === this.active ? " active" : ""}`,
      onclick: () => this.open(index),
    },
    avatar(name, row.contact_id),
    el("span", { class: "list-text" },
      el("span", { class: "list-top" },
        bdi(name, { class: "list-name" }),
        el("time", { class: "list-time", datetime: row.updated_at, title: time.full(row.updated_at) }, time.short(row.updated_at))),
      el("span", { class: "list-middle" },
        row.last_message?.direction === "outbound" && el("span", { class: "quiet" }, "Team: "),
        last?.icon && icon(last.icon),
        el("span", { class: "list-snippet", dir: "auto" }, last ? last.text || "Empty message" : "No messages"),
        unread > 0 && el("span", { class: "count" }, unread > 99 ? "99+" : unread, spoken(" unread"))),
      el("span", { class: "list-bottom" },
        el("span", { class: "list-inbox", title: CHANNELS[row.channel] }, icon(row.channel, CHANNELS[row.channel]), row.inbox_id && bdi(inboxName(row.inbox_id, row.channel))),
        row.priority && el("span", { class: `priority priority-${row.priority}` }, row.priority),
        row.snoozed_until && el("span", { class: "list-fact" }, icon("clock"), time.short(row.snoozed_until)),
        row.status === "resolved" && el("span", { class: "list-fact" }, icon("check"), "Resolved"),
        (row.tags ?? []).slice(0, 2).map((tag) => bdi(tag, { class: "tag" })),
        (row.tags ?? []).length > 2 && el("span", { class: "quiet" }, `+${row.tags.length - 2}`),
        el("span", { class: "list-assignee" }, row.assigned_to
          ? [spoken("assigned to "), bdi(isMe(row.assigned_to) ? "Me" : nameOf(row.assigned_to))]
          : el("span", { class: "unassigned" }, "Unassigned")))));
  }

  /** Marks the row that the keyboard is at. */
  activate(index) {
    if (!this.total) return;
    this.active = Math.max(0, Math.min(index, this.total - 1));
    this.activeId = this.row(this.active)?.id ?? null;
    const top = this.active * ROW;
    if (top < this.position) this.moveTo(top);
    else if (top + ROW > this.position + this.view) this.moveTo(top + ROW - this.view);
    else this.draw();
  }

  step(by) {
    this.activate(this.active < 0 ? (by > 0 ? this.first : this.last) : this.active + by);
  }

  open(index = this.active) {
    const row = this.row(index);
    if (!row) return;
    this.active = index;
    this.activeId = row.id;
    this.on.open(row);
  }

  /** Marks the row of the conversation that is open. */
  mark(id) {
    this.openId = id;
    for (const [page, rows] of this.pages) {
      const at = rows.findIndex((row) => row.id === id);
      if (at >= 0) {
        this.active = (page - 1) * PAGE + at;
        this.activeId = id;
        break;
      }
    }
    this.draw();
  }

  pressed(event) {
    const moves = {
      ArrowDown: () => this.step(1),
      ArrowUp: () => this.step(-1),
      PageDown: () => this.step(Math.floor(this.view / ROW)),
      PageUp: () => this.step(-Math.floor(this.view / ROW)),
      Home: () => this.activate(0),
      End: () => this.activate(this.total - 1),
      Enter: () => this.open(),
      " ": () => this.open(),
    };
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    move();
  }
}

/** Who a row is with, in one word. */
export const rowName = (row) => plain(contactName(row.contact, row));
