// A conversation: its messages, notes and changes in one thread, and what may be done with it.

import { get, part, patch, post, put } from "./api.js";
import { CHANNELS, contactName, directory, isMe, load, nameOf, userName } from "./directory.js";
import { announce, avatar, bdi, el, fill, icon, iconButton, plain } from "./dom.js";
import { complain, toast } from "./dialogs.js";
import { Composer } from "./composer.js";
import { Details, pickAssignee, pickPriority, pickSnooze, pickTag } from "./details.js";
import { batched } from "./live.js";
import { deed, renderEvent, renderMessage, renderNote, snippet } from "./message.js";
import * as time from "./time.js";

const WINDOW = 50;
/** Messages of one author within this time are shown together. */
const TOGETHER = 5 * 60_000;
const NEAR_END = 120;

export class Thread {
  /** `on`: `changed()` after a change of the conversation, `closed()`, and `move(id)` to another one. */
  constructor(on) {
    this.on = on;
    this.composer = new Composer((kind, text, options) => this.write(kind, text, options));
    this.details = new Details({
      assign: () => this.assign(),
      prioritise: () => this.prioritise(),
      snooze: () => this.snooze(),
      tag: (change) => this.tag(change),
      rename: (name) => this.rename(name),
    });
    this.head = el("header", { class: "thread-head" });
    this.banner = el("div", { class: "banner", role: "alert", hidden: true });
    this.earlier = el("button", { type: "button", class: "quiet-button earlier", hidden: true, onclick: () => this.readEarlier() }, "Earlier messages");
    this.items = el("ol", { class: "messages", "aria-label": "Messages" });
    this.newer = el("button", { type: "button", class: "newer", hidden: true, onclick: () => this.toEnd() }, "New messages ↓");
    this.scroll = el("div", {
      class: "thread-scroll", tabindex: "0", role: "group", "aria-label": "Thread", onscroll: () => {
        if (this.isAtEnd) this.newer.hidden = true;
        if (this.scroll.scrollTop < 200) this.readEarlier();
      },
    }, this.earlier, this.items);
    this.empty = el("div", { class: "no-thread" }, icon("inbox"), el("p", null, "No conversation is open."),
      el("p", { class: "quiet" }, "Choose one with ", el("kbd", null, "j"), " and ", el("kbd", null, "k"), ", open it with ", el("kbd", null, "Enter"), ". ", el("kbd", null, "?"), " shows all keys."));
    this.body = el("div", { class: "thread-body" }, this.head, this.banner, this.scroll, this.newer, this.composer.element);
    this.element = el("main", { class: "thread", "aria-label": "Conversation" }, this.empty, this.body);
    this.nodes = new Map();
    this.marking = batched(() => this.markRead(), 500);
    this.clear();
  }

  clear() {
    this.id = null;
    this.conversation = null;
    this.contact = null;
    this.messages = [];
    this.notes = [];
    this.events = [];
    this.hasEarlier = false;
    this.isReading = false;
    this.keepsUnread = false;
    this.nodes.clear();
    this.items.replaceChildren();
    this.banner.hidden = true;
    this.newer.hidden = true;
    this.earlier.hidden = true;
    this.body.hidden = true;
    this.empty.hidden = false;
    this.details.element.hidden = true;
  }

  close() {
    this.clear();
  }

  path(rest = "") {
    return `conversations/${part(this.id)}${rest}`;
  }

  /** Opens a conversation; `row` is what a list has of it. */
  async open(id, row) {
    this.clear();
    this.id = id;
    this.body.hidden = false;
    this.empty.hidden = true;
    this.details.element.hidden = false;
    this.element.setAttribute("aria-busy", "true");
    fill(this.head);
    if (row) {
      this.contact = row.contact ?? null;
      this.conversation = row;
      this.drawHead();
    }
    this.composer.show(id, contactName(this.contact, row));
    try {
      const [conversation, page] = await Promise.all([
        get(this.path(), { messages: "false" }), get(this.path("/messages"), { limit: WINDOW }), this.readNotes(), this.readEvents(),
      ]);
      if (this.id !== id) return;
      this.messages = page.data;
      this.hasEarlier = page.has_more;
      this.contact = await get(`contacts/${part(conversation.contact_id)}`).catch(() => this.contact);
      if (this.id !== id) return;
      this.conversation = conversation;
      this.composer.show(id, contactName(this.contact, conversation));
      this.drawHead();
      this.draw();
      this.toEnd();
      this.element.removeAttribute("aria-busy");
      announce(`Conversation with ${plain(this.name)}, ${this.messages.length} messages`);
      this.marking();
    } catch (error) {
      if (this.id !== id) return;
      this.element.removeAttribute("aria-busy");
      if (error.status === 404) this.clear();
      if (error.status === 404) toast("This conversation does not exist.", "error");
      else complain(error);
    }
  }

  get name() {
    return contactName(this.contact, this.conversation);
  }

  get revision() {
    return this.conversation?.revision ?? 0;
  }

  async readNotes() {
    const { id } = this;
    const first = await get(this.path("/notes"), { limit: 100 });
    let notes = first.data;
    // Of many notes the latest are shown.
    const last = Math.ceil(first.total / 100);
    if (last > 1) {
      const pages = [...new Set([last - 1, last])].filter((page) => page > 1);
      const more = await Promise.all(pages.map((page) => get(`conversations/${part(id)}/notes`, { limit: 100, page })));
      notes = [...notes, ...more.flatMap((page) => page.data)];
    }
    if (this.id === id) this.notes = notes;
  }

  async readEvents() {
    const { id } = this;
    const { data } = await get(this.path("/audit_log"));
    if (this.id === id) this.events = data;
  }

  async readEarlier() {
    if (!this.hasEarlier || this.isReading || !this.messages.length) return;
    this.isReading = true;
    const { id } = this;
    try {
      const page = await get(this.path("/messages"), { limit: WINDOW, before: this.messages[0].id });
      if (this.id !== id) return;
      const height = this.scroll.scrollHeight;
      const top = this.scroll.scrollTop;
      this.messages = [...page.data, ...this.messages];
      this.hasEarlier = page.has_more;
      this.draw();
      this.scroll.scrollTop = top + this.scroll.scrollHeight - height;
    } catch (error) {
      complain(error);
    } finally {
      if (this.id === id) this.isReading = false;
    }
  }

  get isAtEnd() {
    return this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < NEAR_END;
  }

  toEnd() {
    this.scroll.scrollTop = this.scroll.scrollHeight;
    this.newer.hidden = true;
  }

  /** Shows a message that another one answers. */
  async reveal(id) {
    for (let pages = 0; pages < 20 && this.hasEarlier && !this.messages.some((message) => message.id === id); pages += 1) await this.readEarlier();
    const node = this.nodes.get(id)?.node;
    if (!node) return;
    node.scrollIntoView({ block: "center" });
    node.focus({ preventScroll: true });
  }

  drawHead() {
    const { conversation } = this;
    const focused = this.head.contains(document.activeElement) ? document.activeElement.dataset.do : null;
    const assignee = conversation.assigned_to;
    const act = (name, drawing, label, run, className = "quiet-button") => el("button", { type: "button", class: className, title: label, "data-do": name, onclick: run }, icon(drawing), el("span", { class: "button-label" }, label));
    const isOpen = conversation.status === "open";
    const unread = conversation.unread_count ?? 0;
    fill(this.head,
      iconButton("reply", "Back to the list", () => this.on.closed(), { class: "icon-button back" }),
      avatar(this.name, conversation.contact_id),
      el("div", { class: "thread-title" },
        el("h1", { id: "thread-name" }, bdi(this.name)),
        el("div", { class: "thread-facts" },
          el("span", null, icon(conversation.channel), CHANNELS[conversation.channel]),
          el("span", { class: `state state-${conversation.status}` }, conversation.snoozed_until ? "Snoozed" : isOpen ? "Open" : "Resolved"),
          el("span", { id: "thread-assignee" }, assignee ? [icon(assignee.type === "team" ? "people" : "person"), bdi(isMe(assignee) ? `${nameOf(assignee)} (me)` : nameOf(assignee))] : "Unassigned"),
          conversation.priority && el("span", { class: `priority priority-${conversation.priority}` }, conversation.priority))),
      el("div", { class: "thread-actions", role: "toolbar", "aria-label": "What may be done" },
        !assignee && directory.me && act("claim", "person", "Claim", () => this.claim()),
        act("assign", "people", "Assign", () => this.assign()),
        assignee && act("unassign", "close", "Unassign", () => this.unassign()),
        isOpen && act("snooze", "clock", "Snooze", () => this.snooze()),
        act("unread", "mail", unread ? "Mark read" : "Mark unread", () => this.flipRead()),
        act("resolve", isOpen ? "check" : "reopen", isOpen ? "Resolve" : "Reopen", () => this.flipStatus(), "primary"),
        iconButton("info", "Details", () => this.flipDetails(), { "data-do": "details", "aria-controls": "details", class: "icon-button details-button" })));
    if (focused) [...this.head.querySelectorAll("[data-do]")].find((button) => button.dataset.do === focused)?.focus();
    this.details.show(conversation, this.contact);
  }

  flipDetails() {
    document.body.classList.toggle("shows-details");
    document.body.classList.toggle("hides-details");
  }

  context() {
    return {
      contactName: this.name,
      contactId: this.conversation.contact_id,
      find: (id) => this.messages.find((message) => message.id === id),
      reveal: (id) => this.reveal(id),
      retry: (message) => this.retry(message),
      answer: (message) => {
        this.composer.write("reply");
        this.composer.answer(message);
        this.composer.keep();
      },
    };
  }

  /** All items of the thread, in its order. */
  timeline() {
    const from = this.hasEarlier ? Date.parse(this.messages[0]?.created_at) : -Infinity;
    const others = [
      ...this.notes.map((note) => ({ key: note.id, at: Date.parse(note.created_at), kind: "note", value: note })),
      ...this.events.map((event) => ({ key: `event-${event.sequence}`, at: Date.parse(event.created_at), kind: "event", value: event })),
    ].filter((item) => item.at >= from).sort((one, other) => one.at - other.at);
    const items = [];
    let next = 0;
    for (const message of this.messages) {
      const at = Date.parse(message.created_at);
      while (next < others.length && others[next].at < at) {
        items.push(others[next]);
        next += 1;
      }
      items.push({ key: message.id, at, kind: "message", value: message });
    }
    return [...items, ...others.slice(next)];
  }

  draw() {
    const context = this.context();
    const known = this.nodes;
    const nodes = new Map();
    const shown = [];
    let before = null;
    let day = null;
    const keep = (key, state, render) => {
      const old = known.get(key);
      const entry = old && old.state === state ? old : { node: render(), state };
      if (!entry.node) return;
      nodes.set(key, entry);
      shown.push(entry.node);
    };
    for (const item of this.timeline()) {
      const { value } = item;
      const today = time.dayKey(item.at);
      if (today !== day && (item.kind !== "event" || renderEvent(value))) {
        day = today;
        before = null;
        keep(`day-${today}`, time.day(item.at), () => el("li", { class: "day" }, el("span", null, time.day(item.at))));
      }
      if (item.kind === "note") {
        keep(item.key, JSON.stringify(value) + userName(value.author), () => renderNote(value));
      } else if (item.kind === "event") {
        keep(item.key, "", () => renderEvent(value));
      } else {
        const follows = before !== null && value.direction === before.direction && value.type !== "system"
          && JSON.stringify(value.author) === JSON.stringify(before.author) && item.at - Date.parse(before.created_at) < TOGETHER;
        const target = value.reply_to?.message_id && context.find(value.reply_to.message_id);
        keep(item.key, JSON.stringify([value, follows, context.contactName, target?.edited_at, Boolean(target)]), () => renderMessage(value, context, follows));
      }
      before = item.kind === "message" && value.type !== "system" ? value : null;
    }
    this.nodes = nodes;
    // Only what differs is moved, so that the focus and open parts stay.
    let place = this.items.firstChild;
    for (const node of shown) {
      if (node === place) place = place.nextSibling;
      else this.items.insertBefore(node, place);
    }
    while (place) {
      const next = place.nextSibling;
      place.remove();
      place = next;
    }
    this.earlier.hidden = !this.hasEarlier;
  }

  // What others do.

  /** Takes note of an event; answers what has to be read anew. */
  static parts(event) {
    const { type } = event;
    if (type === "note.added") return ["notes"];
    if (type.startsWith("message.")) return ["messages", "conversation"];
    if (type === "conversation.merged") return ["messages", "notes", "events", "conversation", "contact"];
    if (type === "conversation.receipts" || type === "conversation.imported") return ["messages", "conversation"];
    if (type.startsWith("contact.")) return ["contact"];
    if (["conversation.assigned", "conversation.unassigned", "conversation.resolved", "conversation.reopened"].includes(type)) return ["conversation", "events"];
    return ["conversation"];
  }

  concerns(event) {
    return this.id !== null && (event.conversation_id === this.id || event.into === this.id || (event.contact_id && event.contact_id === this.conversation?.contact_id));
  }

  /** Reads anew what these events concern, or all. */
  async refresh(events, isAll = false) {
    const { id } = this;
    if (!id || !this.conversation) return;
    const gone = events.find((event) => event.conversation_id === id && event.type === "conversation.deleted");
    const merged = events.find((event) => event.conversation_id === id && event.type === "conversation.merged");
    if (merged?.into) {
      this.on.move(merged.into);
      return;
    }
    if (gone) {
      this.gone("The conversation was deleted.");
      return;
    }
    // The messages of a merged conversation are as old as they were.
    const isMerged = events.some((event) => event.type === "conversation.merged");
    const parts = new Set(isAll ? ["messages", "notes", "events", "conversation", "contact"] : events.flatMap((event) => Thread.parts(event)));
    const wasAtEnd = this.isAtEnd;
    const had = new Set(this.messages.map((message) => message.id));
    const before = this.conversation;
    await Promise.all([
      parts.has("messages") && (isAll || isMerged ? this.readAgain() : this.readLatest(events.map((event) => event.message_id).filter(Boolean))),
      parts.has("notes") && this.readNotes(),
      parts.has("events") && this.readEvents(),
      parts.has("conversation") && this.readConversation(),
      parts.has("contact") && this.readContact(),
    ]);
    if (this.id !== id) return;
    this.drawHead();
    this.draw();
    const fresh = this.messages.filter((message) => !had.has(message.id));
    const inbound = fresh.filter((message) => message.direction === "inbound");
    if (inbound.length) {
      const last = inbound[inbound.length - 1];
      announce(`New message from ${plain(this.name)}: ${snippet(last).text}`);
    }
    if (wasAtEnd) this.toEnd();
    else if (fresh.length) this.newer.hidden = false;
    const taken = this.conversation.assigned_to;
    if (!before.assigned_to && taken && !isMe(taken)) {
      const last = this.events.findLast((event) => event.type === "conversation.assigned");
      if (last?.actor !== directory.me) this.warn(`${plain(nameOf(taken))} has taken it`);
    }
    this.marking();
  }

  /** Reads all that is shown anew, where events were missed. */
  async reload() {
    const { id } = this;
    try {
      await this.refresh([], true);
    } catch (error) {
      if (this.id !== id) return;
      if (error.status === 404) this.gone("The conversation is not there any more.");
      else complain(error);
    }
  }

  gone(text) {
    toast(text, "error");
    this.on.closed();
  }

  async readConversation() {
    const { id } = this;
    const conversation = await get(this.path(), { messages: "false" });
    if (this.id === id) this.conversation = conversation;
  }

  async readContact() {
    const { id } = this;
    const contact = await get(`contacts/${part(this.conversation.contact_id)}`).catch(() => null);
    if (this.id === id && contact) this.contact = contact;
  }

  /** Reads anew as many messages as there are. */
  async readAgain() {
    const { id } = this;
    const wanted = this.messages.length;
    let page = await get(this.path("/messages"), { limit: WINDOW });
    let messages = page.data;
    while (this.id === id && page.has_more && messages.length < wanted) {
      page = await get(this.path("/messages"), { limit: WINDOW, before: messages[0].id });
      messages = [...page.data, ...messages];
    }
    if (this.id !== id) return;
    this.messages = messages;
    this.hasEarlier = page.has_more;
  }

  /** Reads the end of the thread anew, and these messages where they are before it. */
  async readLatest(changed) {
    const { id } = this;
    const page = await get(this.path("/messages"), { limit: WINDOW });
    if (this.id !== id) return;
    const at = page.data.length ? this.messages.findIndex((message) => message.id === page.data[0].id) : -1;
    if (at >= 0) {
      this.messages = [...this.messages.slice(0, at), ...page.data];
    } else {
      // More came than one page has, or the thread was empty.
      this.messages = page.data;
      this.hasEarlier = page.has_more;
    }
    const latest = new Set(page.data.map((message) => message.id));
    const earlier = [...new Set(changed)].filter((message) => !latest.has(message) && this.messages.some((known) => known.id === message));
    await Promise.all(earlier.slice(0, 10).map((message) => this.readOne(message)));
  }

  /** Reads one message anew, which has a next one. */
  async readOne(message) {
    const at = this.messages.findIndex((known) => known.id === message);
    const next = this.messages[at + 1];
    if (at < 0 || !next) return;
    const { id } = this;
    const page = await get(this.path("/messages"), { limit: 1, before: next.id });
    const [found] = page.data;
    if (this.id !== id || found?.id !== message) return;
    const now = this.messages.findIndex((known) => known.id === message);
    if (now >= 0) this.messages[now] = found;
  }

  // What one does.

  /** A change of the conversation, which another one may have made meanwhile. */
  async act(work, done) {
    const { id } = this;
    if (!id || !this.conversation) return false;
    try {
      const conversation = await work();
      if (this.id === id) {
        this.conversation = { ...conversation, metadata: conversation.metadata ?? this.conversation.metadata };
        this.banner.hidden = true;
        this.drawHead();
        await this.readEvents().catch(() => {});
        if (this.id === id) this.draw();
      }
      if (done) announce(done);
      this.on.changed();
      return true;
    } catch (error) {
      if (error.status === 412 && this.id === id) this.warn(await this.explain(error));
      else complain(error);
      this.on.changed();
      return false;
    }
  }

  /** What the conversation has become, in a sentence. */
  async explain(error) {
    const before = this.conversation;
    await Promise.all([this.readConversation(), this.readEvents()]).catch(() => {});
    this.drawHead();
    this.draw();
    const taken = error.body.assigned_to;
    if (taken && !isMe(taken) && taken.id !== before.assigned_to?.id) return `${plain(nameOf(taken))} has taken it`;
    const did = deed(this.events[this.events.length - 1]);
    return did ?? "The conversation was changed meanwhile";
  }

  warn(text) {
    fill(this.banner, icon("fail"), el("span", { dir: "auto" }, `${text}.`), iconButton("close", "Dismiss", () => { this.banner.hidden = true; }));
    this.banner.hidden = false;
  }

  claim() {
    return this.act(() => post(this.path("/claim")), "Claimed");
  }

  async assign() {
    const { id } = this;
    const chosen = await pickAssignee(this.conversation?.assigned_to);
    if (chosen === undefined || this.id !== id) return false;
    if (chosen === null) return this.unassign();
    return this.act(() => post(this.path("/assign"), chosen, { revision: this.revision }), "Assigned");
  }

  unassign() {
    return this.act(() => post(this.path("/unassign"), undefined, { revision: this.revision }), "Unassigned");
  }

  flipStatus() {
    const isOpen = this.conversation?.status === "open";
    return this.act(() => post(this.path(isOpen ? "/resolve" : "/reopen"), undefined, { revision: this.revision }), isOpen ? "Resolved" : "Reopened");
  }

  change(fields, done) {
    return this.act(() => patch(this.path(), fields, { revision: this.revision }), done);
  }

  async snooze() {
    const { id } = this;
    if (this.conversation?.status !== "open") return;
    const until = await pickSnooze(this.conversation.snoozed_until);
    if (until !== undefined && this.id === id) await this.change({ snoozed_until: until }, until ? "Snoozed" : "Not snoozed");
  }

  async prioritise() {
    const { id } = this;
    const priority = await pickPriority(this.conversation?.priority);
    if (priority !== undefined && this.id === id) await this.change({ priority }, "Priority changed");
  }

  async tag(given) {
    const { id } = this;
    const tags = given ?? await pickTag(this.conversation?.tags ?? []);
    if (tags === undefined || this.id !== id) return;
    await this.change({ tags }, "Tags changed");
    await load(["tags"]);
  }

  async rename(name) {
    const { id } = this;
    try {
      const contact = await put(`contacts/${part(this.conversation.contact_id)}`, { name });
      if (this.id !== id) return;
      this.contact = contact;
      this.drawHead();
      this.draw();
      this.on.changed();
    } catch (error) {
      complain(error);
    }
  }

  async flipRead() {
    const isUnread = Boolean(this.conversation?.unread_count);
    this.keepsUnread = !isUnread;
    await this.act(() => post(this.path(isUnread ? "/read" : "/unread")), isUnread ? "Marked as read" : "Marked as unread");
  }

  /** What is in sight is read, up to the last message that is here. */
  async markRead() {
    if (this.keepsUnread || document.hidden || !this.conversation?.unread_count) return;
    const last = this.messages.findLast((message) => message.direction === "inbound" && message.type !== "system");
    if (!last) return;
    const { id } = this;
    try {
      const conversation = await post(this.path("/read"), { up_to: last.id });
      if (this.id !== id) return;
      this.conversation = { ...conversation, metadata: conversation.metadata ?? this.conversation.metadata };
      this.drawHead();
      this.on.changed();
    } catch {
      // It is marked with the next message, or when the conversation is opened again.
    }
  }

  async retry(message) {
    const { id } = this;
    try {
      await post("messages/retry", { conversation_id: message.conversation_id, message_id: message.id });
      if (this.id === id) await this.readLatest([message.id]);
      if (this.id === id) this.draw();
    } catch (error) {
      complain(error);
    }
  }

  /**
   * Sends a reply or adds a note. Answers null where that was done, a sentence where somebody else changed the
   * conversation, and undefined where it failed.
   */
  async write(kind, text, { replyTo, anyway }) {
    const { id, conversation } = this;
    if (!conversation) return undefined;
    const options = anyway || kind === "note" ? {} : { revision: this.revision };
    try {
      if (kind === "note") {
        const note = await post(this.path("/notes"), { content: text });
        if (this.id === id && !this.notes.some((known) => known.id === note.id)) this.notes = [...this.notes, note];
      } else {
        const body = { contact_id: conversation.contact_id, type: "text", content: text, status: "pending" };
        if (conversation.inbox_id) body.inbox_id = conversation.inbox_id;
        else body.channel = conversation.channel;
        if (conversation.identity) body.identities = [conversation.identity];
        if (replyTo) body.reply_to = { message_id: replyTo.id };
        const message = await post("messages/send", body, options);
        if (this.id === id && !this.messages.some((known) => known.id === message.id)) this.messages = [...this.messages, message];
        if (this.id === id) await this.readConversation().catch(() => {});
      }
      if (this.id === id) {
        this.drawHead();
        this.draw();
        this.toEnd();
      }
      announce(kind === "note" ? "Note added" : "Sent");
      this.on.changed();
      return null;
    } catch (error) {
      if (error.status === 412 && this.id === id) {
        const sentence = await this.explain(error);
        this.on.changed();
        return sentence;
      }
      complain(error);
      return undefined;
    }
  }
}
