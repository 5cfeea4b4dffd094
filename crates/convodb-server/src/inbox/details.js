// What is known of a conversation and its contact, and what the team gives it.

import { get } from "./api.js";
import { CHANNELS, PRIORITIES, contactName, directory, inboxName, isMe, nameOf } from "./directory.js";
import { avatar, bdi, el, fill, icon, iconButton, plain, spoken } from "./dom.js";
import { ask, askTime, pick } from "./dialogs.js";
import * as time from "./time.js";
import { toAddress } from "./filters.js";

/** When a snooze may end. */
function snoozes() {
  const at = (days, hour) => {
    const date = new Date();
    date.setDate(date.getDate() + days);
    date.setHours(hour, 0, 0, 0);
    return date;
  };
  const toMonday = (8 - new Date().getDay()) % 7 || 7;
  const choices = [
    ["In an hour", new Date(Date.now() + 3_600_000)],
    ["In four hours", new Date(Date.now() + 4 * 3_600_000)],
    ["Tomorrow morning", at(1, 9)],
    ["On Monday", at(toMonday, 9)],
    ["In a week", at(7, 9)],
  ];
  return choices.map(([label, date]) => ({ label, value: date.toISOString(), hint: time.moment(date), icon: "clock" }));
}

/** Lets one choose an assignee. Answers `{user_id}`, `{team_id}`, null for none, or undefined. */
export async function pickAssignee(current) {
  const users = [...directory.users].sort((one, other) => Number(other.id === directory.me) - Number(one.id === directory.me));
  const options = [
    ...users.map((user) => ({ label: user.id === directory.me ? `${user.name} (me)` : user.name, hint: user.id, icon: "person", value: { user_id: user.id }, selected: current?.id === user.id })),
    ...directory.teams.map((team) => ({ label: team.name, hint: "Team", icon: "people", value: { team_id: team.id }, selected: current?.id === team.id })),
  ];
  if (current) options.push({ label: "No one", hint: "unassign", icon: "close", value: null });
  return pick("Assign to", options);
}

/** Answers an ISO time, null to end the snooze, or undefined. */
export async function pickSnooze(current) {
  const options = [...snoozes(), { label: "Another time…", icon: "edit", value: "other" }];
  if (current) options.unshift({ label: "End the snooze", icon: "close", value: null });
  const chosen = await pick("Snooze", options);
  return chosen === "other" ? (await askTime("Snooze"))?.toISOString() : chosen;
}

/** Answers a priority, null for none, or undefined. */
export async function pickPriority(current) {
  const options = PRIORITIES.map((name) => ({ label: name.charAt(0).toUpperCase() + name.slice(1), value: name, selected: name === current }));
  if (current) options.push({ label: "None", icon: "close", value: null });
  return pick("Priority", options);
}

/** Answers `{add}` or `{remove}` with one tag, or undefined. */
export async function pickTag(tags) {
  const has = (tag) => tags.some((known) => known.toLowerCase() === tag.toLowerCase());
  const options = [
    ...tags.map((tag) => ({ label: tag, hint: "remove", icon: "close", value: { remove: [tag] } })),
    ...directory.tags.filter((known) => !has(known.tag)).map((known) => ({ label: known.tag, icon: "tag", value: { add: [known.tag] } })),
  ];
  return pick("Tags", options, (text) => ({ label: text, hint: "new tag", icon: "plus", value: { add: [text] } }));
}

const row = (name, value) => value && [el("dt", null, name), el("dd", null, value)];
const at = (iso) => iso && el("time", { datetime: iso, title: time.full(iso) }, time.moment(iso));

export class Details {
  /** `change` has what may be done with the conversation. */
  constructor(change) {
    this.change = change;
    this.element = el("aside", { class: "details", "aria-label": "Details", id: "details" });
    this.others = { contact: null, rows: [] };
  }

  show(conversation, contact) {
    const name = contactName(contact, conversation);
    const field = (label, value, act, actLabel) => el("div", { class: "detail" }, el("h3", null, label), el("div", { class: "detail-value" }, value,
      act && iconButton("edit", actLabel, act)));
    const { assigned_to: assignee, tags = [] } = conversation;
    const identities = contact?.identities ?? [];
    fill(this.element,
      el("div", { class: "detail-head" }, avatar(name, conversation.contact_id),
        el("div", null, bdi(name, { class: "detail-name" }), el("div", { class: "quiet" }, CHANNELS[conversation.channel],
          conversation.inbox_id && [" · ", bdi(inboxName(conversation.inbox_id, conversation.channel))]))),
      field("Assignee", assignee ? [icon(assignee.type === "team" ? "people" : "person"), bdi(isMe(assignee) ? `${nameOf(assignee)} (me)` : nameOf(assignee))] : el("span", { class: "quiet" }, "No one"),
        () => this.change.assign(), "Change the assignee"),
      conversation.team && field("Queue", bdi(conversation.team.name)),
      field("Priority", conversation.priority ? el("span", { class: `priority priority-${conversation.priority}` }, conversation.priority) : el("span", { class: "quiet" }, "None"),
        () => this.change.prioritise(), "Change the priority"),
      field("Snoozed", conversation.snoozed_until ? ["until ", at(conversation.snoozed_until)] : el("span", { class: "quiet" }, "No"),
        conversation.status === "open" && (() => this.change.snooze()), "Change the snooze"),
      el("div", { class: "detail" }, el("h3", null, "Tags"), el("div", { class: "detail-tags" },
        tags.map((tag) => el("span", { class: "chip tag" }, bdi(tag), iconButton("close", `Remove the tag ${plain(tag)}`, () => this.change.tag({ remove: [tag] })))),
        el("button", { type: "button", class: "chip add", onclick: () => this.change.tag() }, icon("plus"), "Tag"))),
      el("div", { class: "detail" }, el("h3", null, "Contact", " ", iconButton("edit", "Change the contact's name", async () => {
        const given = await ask("Name of the contact", "Name", contact?.name ?? "");
        if (given) this.change.rename(given);
      })),
      el("dl", { class: "pairs" },
        identities.map((identity) => row(CHANNELS[identity.channel], bdi(identity.value))),
        Object.entries(contact?.metadata ?? {}).map(([key, value]) => row(bdi(key), bdi(value))),
        row("Id", bdi(conversation.contact_id)))),
      el("div", { class: "detail" }, el("h3", null, "Conversation"), el("dl", { class: "pairs" },
        row("Begun", at(conversation.created_at)),
        row("Opened", at(conversation.opened_at)),
        row("First reply", at(conversation.first_reply_at)),
        row("Waits", conversation.waiting_since && `for ${time.since(conversation.waiting_since)}`),
        row("Resolved", at(conversation.resolved_at)),
        Object.entries(conversation.metadata ?? {}).map(([key, value]) => row(bdi(key), bdi(value))),
        row("Id", bdi(conversation.id)))),
      this.drawOthers(conversation));
    this.readOthers(conversation);
  }

  drawOthers(conversation) {
    const rows = this.others.contact === conversation.contact_id ? this.others.rows.filter((other) => other.id !== conversation.id) : [];
    return rows.length > 0 && el("div", { class: "detail" }, el("h3", null, "Other conversations"), el("ul", { class: "others" }, rows.map((other) => el("li", null,
      el("a", { href: `#${other.id}?${toAddress({ contact_id: other.contact_id, status: "all" })}` }, icon(other.channel), bdi(inboxName(other.inbox_id, other.channel)),
        el("span", { class: "quiet" }, ` ${other.status}, ${time.short(other.updated_at)}`))))));
  }

  async readOthers(conversation) {
    const contact = conversation.contact_id;
    if (this.others.contact === contact) return;
    this.others = { contact, rows: [] };
    const answer = await get("conversations", { contact_id: contact, status: "all", limit: 20 }).catch(() => null);
    if (!answer || this.others.contact !== contact || answer.data.length < 2) return;
    this.others.rows = answer.data;
    const drawn = this.drawOthers(conversation);
    if (drawn) this.element.append(drawn);
  }
}
