// A message, a note or an event of a thread, of every kind. What contacts wrote is shown and never interpreted, and
// nothing of theirs is loaded: a medium is a card with a link.

import { get, part } from "./api.js";
import { directory, nameOf, userName } from "./directory.js";
import { append, avatar, bdi, el, fill, icon, iconButton, link, plain, prose, safeUrl, spoken } from "./dom.js";
import * as time from "./time.js";

const KINDS = {
  image: "Image",
  document: "Document",
  audio: "Audio",
  video: "Video",
  sticker: "Sticker",
  link: "Link",
};

const CHOICES = {
  button: "Pressed a button",
  list: "Chose from a list",
  form: "Filled in a form",
  order: "Placed an order",
  postback: "Pressed",
};

const LINKS = {
  story_mention: "Mentioned in a story",
  share: "Shared post",
  post: "Shared post",
  reel: "Reel",
  ig_reel: "Reel",
};

const STATUSES = {
  pending: ["clock", "Pending"],
  sent: ["check", "Sent"],
  delivered: ["checks", "Delivered"],
  read: ["checks", "Read"],
  failed: ["fail", "Failed"],
};

/** A word of a program as people write it: `story_mention` is “Story mention”. */
export function worded(text) {
  const words = plain(text).replaceAll(/[_-]+/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What an attachment is called. */
function attachmentTitle(attachment) {
  if (attachment.kind === "link") {
    return plain(attachment.title) || LINKS[attachment.subtype] || worded(attachment.subtype ?? "Link");
  }
  const named = plain(attachment.file_name) || plain(attachment.title);
  if (named) return named;
  return attachment.voice ? "Voice message" : KINDS[attachment.kind] ?? worded(attachment.kind);
}

/** A message in a few words, as a list shows it. */
export function snippet(message) {
  if (message.revoked_at) return { icon: "revoked", text: "Message taken back" };
  const words = plain(message.content || message.caption || "");
  const attachment = message.attachments?.[0];
  switch (message.type) {
    case "text":
      return { icon: null, text: words };
    case "template":
      return { icon: "template", text: words || `Template ${plain(message.template_name)}` };
    case "location":
      return { icon: "location", text: words || plain(message.location?.name) || "Location" };
    case "contacts": {
      const names = (message.contacts ?? []).map((card) => plain(card.name));
      return { icon: "contacts", text: names.join(", ") || "Contact" };
    }
    case "interactive":
      return { icon: "interactive", text: words || plain(message.reply?.title) || CHOICES[message.reply?.kind] };
    case "system":
      return { icon: "system", text: words || worded(message.system?.kind ?? "System") };
    case "unsupported":
      return { icon: "unsupported", text: words || "Unsupported message" };
    default: {
      const name = attachment ? attachmentTitle(attachment) : KINDS[message.type] ?? worded(message.type);
      const voice = attachment?.voice ? "audio" : message.type;
      return { icon: voice, text: words || name };
    }
  }
}

/** The attachments of a message; those that say no more than `media_url` are left out of its JSON. */
function attachmentsOf(message) {
  if (message.attachments?.length) return message.attachments;
  return message.media_url ? [{ kind: message.type in KINDS ? message.type : "document", url: message.media_url }] : [];
}

function attachmentCard(attachment) {
  const url = attachment.url ? safeUrl(attachment.url) : null;
  const isOver = attachment.expires_at && new Date(attachment.expires_at) < new Date();
  const facts = [];
  if (attachment.kind === "link" && attachment.subtype && attachment.title) facts.push(LINKS[attachment.subtype] ?? worded(attachment.subtype));
  else if (attachment.file_name || attachment.title) facts.push(attachment.voice ? "Voice message" : KINDS[attachment.kind] ?? worded(attachment.kind));
  if (attachment.duration_ms) facts.push(time.duration(attachment.duration_ms));
  if (attachment.size) facts.push(time.bytes(attachment.size));
  if (attachment.width && attachment.height) facts.push(`${attachment.width} × ${attachment.height}`);
  if (attachment.mime_type) facts.push(plain(attachment.mime_type));
  if (url) facts.push(url.host);
  if (isOver) facts.push("expired");
  else if (!url) facts.push("held by the provider");
  const title = attachmentTitle(attachment);
  const inner = [
    el("span", { class: "card-icon" }, icon(attachment.voice ? "audio" : attachment.kind)),
    el("span", { class: "card-text" },
      bdi(title, { class: "card-title" }),
      el("span", { class: "card-facts" }, bdi(facts.join(" · ")))),
  ];
  const card = url && !isOver
    ? link(url.href, inner, { class: `card card-${attachment.kind}` })
    : el("div", { class: "card" }, inner);
  if (!attachment.text) return card;
  const kind = attachment.kind === "audio" || attachment.kind === "video" ? "Transcript" : "Text";
  return el("div", { class: "card-with-text" }, card,
    el("div", { class: "card-more" }, el("span", { class: "label" }, kind), prose(attachment.text)));
}

function json(value, label) {
  return el("details", { class: "json" }, el("summary", null, label),
    el("pre", { dir: "ltr", tabindex: "0" }, JSON.stringify(value, null, 2)));
}

function locationCard(location) {
  const at = `${location.latitude}, ${location.longitude}`;
  const map = safeUrl(location.url) ?? safeUrl(
    `https://www.openstreetmap.org/?mlat=${Number(location.latitude)}&mlon=${Number(location.longitude)}`);
  return link(map?.href, [
    el("span", { class: "card-icon" }, icon("location")),
    el("span", { class: "card-text" },
      bdi(location.name || "Location", { class: "card-title" }),
      location.address && bdi(location.address, { class: "card-facts" }),
      el("span", { class: "card-facts" }, at)),
  ], { class: "card card-location" });
}

function contactCard(card) {
  const rows = [
    ...(card.phones ?? []).map((phone) => [phone.type || "Phone", bdi(phone.number)]),
    ...(card.emails ?? []).map((email) => [email.type || "Email",
      link(`mailto:${encodeURIComponent(plain(email.address)).replaceAll("%40", "@")}`, bdi(email.address))]),
  ];
  return el("div", { class: "card card-contact" },
    avatar(card.name, card.name),
    el("span", { class: "card-text" },
      bdi(card.name, { class: "card-title" }),
      card.organization && bdi(card.organization, { class: "card-facts" }),
      rows.length > 0 && pairs(rows)));
}

/** Names and values, one below the other. */
function pairs(rows) {
  return el("dl", { class: "pairs" }, rows.map(([name, value]) => [
    el("dt", null, bdi(worded(name))),
    el("dd", null, value instanceof Node ? value : bdi(typeof value === "object" ? JSON.stringify(value) : value)),
  ]));
}

const isFlat = (value) => value && typeof value === "object" && !Array.isArray(value);

function choice(reply, content) {
  const title = plain(reply.title);
  const data = reply.data;
  const items = Array.isArray(data) ? data : data?.items ?? data?.product_items;
  const hasItems = Array.isArray(items) && items.length > 0 && items.every(isFlat);
  return el("div", { class: "choice" },
    title && title !== plain(content) && el("div", { class: "choice-title", dir: "auto" }, title),
    reply.description && prose(reply.description, { class: "prose quiet" }),
    reply.id && el("div", { class: "card-facts" }, bdi(reply.id)),
    hasItems ? itemTable(items) : isFlat(data) ? pairs(Object.entries(data)) : data !== undefined && json(data, "Data"),
    hasItems && isFlat(data) && json(data, "The whole order"));
}

function itemTable(items) {
  const names = [...new Set(items.flatMap((item) => Object.keys(item)))].slice(0, 6);
  return el("div", { class: "table" }, el("table", null,
    el("thead", null, el("tr", null, names.map((name) => el("th", { scope: "col" }, bdi(worded(name)))))),
    el("tbody", null, items.map((item) => el("tr", null, names.map((name) => {
      const value = item[name];
      return el("td", null, bdi(typeof value === "object" && value !== null ? JSON.stringify(value) : value));
    }))))));
}

/** The content of a message or of a former version of it. */
function contentOf(message) {
  const parts = [];
  const attachments = attachmentsOf(message);
  if (message.type === "template") {
    parts.push(el("span", { class: "label" }, icon("template"), "Template ", bdi(message.template_name)));
    if (!message.content && message.template_params?.length) {
      parts.push(el("ol", { class: "params" }, message.template_params.map((param) => el("li", { dir: "auto" }, param))));
    }
  }
  if (message.type === "unsupported") {
    const { kind, code, message: reason } = message.unsupported ?? {};
    parts.push(el("div", { class: "card card-unsupported" },
      el("span", { class: "card-icon" }, icon("unsupported")),
      el("span", { class: "card-text" },
        el("span", { class: "card-title" }, "This kind of message cannot be shown"),
        (kind || code) && el("span", { class: "card-facts" }, bdi([kind && worded(kind), code].filter(Boolean).join(" · "))),
        reason && bdi(reason, { class: "card-facts" }))));
  }
  if (attachments.length) parts.push(el("div", { class: "cards" }, attachments.map(attachmentCard)));
  if (message.location) parts.push(locationCard(message.location));
  if (message.contacts) parts.push(el("div", { class: "cards" }, message.contacts.map(contactCard)));
  if (message.reply) parts.push(el("span", { class: "label" }, icon("interactive"), CHOICES[message.reply.kind] ?? worded(message.reply.kind)));
  if (message.content) parts.push(prose(message.content));
  if (message.caption) parts.push(prose(message.caption));
  if (message.reply) parts.push(choice(message.reply, message.content));
  if (message.placeholder) parts.push(el("div", { class: "quiet" }, icon("clock"), " The content is yet to come."));
  return parts;
}

/** Who wrote a message. */
function authorOf(message, context) {
  if (message.direction === "inbound") return { name: context.contactName, id: context.contactId };
  const author = message.author;
  if (!author) return { name: "Team", id: "team" };
  const name = author.type === "user" ? userName(author.id) : author.name ?? author.id;
  const label = { bot: "Bot", external: "Other app" }[author.type];
  return { name: name ?? label ?? "Team", id: author.id ?? author.type, label };
}

function reactorName(by, context) {
  if (!by || by.type === "contact") return context.contactName;
  return by.type === "user" ? userName(by.id) : by.name ?? by.id ?? worded(by.type);
}

function quote(message, context) {
  const reference = message.reply_to;
  if (!reference) return null;
  const { story } = reference;
  if (story) {
    return el("div", { class: "quote" }, icon("reply"),
      story.url ? link(story.url, "Answers a story") : "Answers a story");
  }
  const target = reference.message_id && context.find(reference.message_id);
  if (!target) return el("div", { class: "quote" }, icon("reply"), "Answers an earlier message");
  const { text } = snippet(target);
  return el("button", { type: "button", class: "quote", onclick: () => context.reveal(reference.message_id) },
    spoken("Answers: "), bdi(authorOf(target, context).name, { class: "quote-name" }),
    el("span", { class: "quote-text", dir: "auto" }, text));
}

function reactions(message, context) {
  if (!message.reactions?.length) return null;
  const groups = new Map();
  for (const reaction of message.reactions) {
    const names = groups.get(reaction.emoji) ?? [];
    names.push(plain(reactorName(reaction.by, context)));
    groups.set(reaction.emoji, names);
  }
  return el("ul", { class: "reactions", "aria-label": "Reactions" }, [...groups].map(([emoji, names]) =>
    el("li", { title: names.join(", ") }, el("bdi", null, emoji), names.length > 1 ? ` ${names.length}` : "",
      spoken(` by ${names.join(", ")}`))));
}

/** The former contents, which are read when they are asked for. */
function versions(message) {
  const box = el("div", { class: "versions" });
  const button = el("button", {
    type: "button", class: "text-button", "aria-expanded": "false",
    async onclick() {
      if (button.getAttribute("aria-expanded") === "true") {
        button.setAttribute("aria-expanded", "false");
        fill(box);
        return;
      }
      button.setAttribute("aria-expanded", "true");
      fill(box, el("span", { class: "quiet" }, "Reading…"));
      const path = `conversations/${part(message.conversation_id)}/messages/${part(message.id)}/versions`;
      try {
        const { data } = await get(path);
        fill(box, el("ol", { "aria-label": "Former versions" }, data.map((version) => el("li", null,
          el("span", { class: "card-facts" }, `until ${time.moment(version.at)}`), contentOf(version.content)))));
      } catch (error) {
        fill(box, el("span", { class: "quiet" }, error.message));
      }
    },
  }, `edited${message.versions ? ` · ${message.versions} earlier` : ""}`);
  return { button, box };
}

function statusOf(message) {
  if (message.direction !== "outbound") return null;
  const [drawing, label] = message.played_at ? ["checks", "Played"] : STATUSES[message.status] ?? ["info", worded(message.status)];
  return el("span", { class: `status status-${message.status}`, title: label }, icon(drawing), el("span", { class: "status-label" }, label));
}

function failure(message, context) {
  if (message.status !== "failed") return null;
  const { error } = message;
  return el("div", { class: "failure" }, icon("fail"),
    el("span", null, el("bdi", { dir: "auto" }, error ? plain(error.message) : "It could not be delivered."),
      error?.code !== undefined && ` (${plain(error.code)})`,
      error?.details && el("span", { class: "quiet", dir: "auto" }, ` ${plain(error.details)}`),
      error?.url && safeUrl(error.url) && [" ", link(error.url, "More")]),
    context.retry && el("button", { type: "button", class: "text-button", onclick: () => context.retry(message) }, "Try again"));
}

/** A message of a thread. `context` knows the contact, other messages, and what may be done. */
export function renderMessage(message, context, follows) {
  const timeOf = el("time", { datetime: message.created_at, title: time.full(message.created_at) }, time.clock(message.created_at));
  if (message.type === "system") {
    const { kind, data } = message.system ?? {};
    return el("li", { class: "line", id: message.id, tabindex: "-1" }, el("span", { class: "line-text" },
      icon("system"), bdi(message.content || worded(kind ?? "System")), " · ", timeOf),
      data !== undefined && json(data, "Data"));
  }
  const author = authorOf(message, context);
  const bubble = el("div", { class: "bubble" });
  const meta = el("div", { class: "meta" });
  let box = null;
  if (message.forwarded) append(bubble, el("span", { class: "label" }, icon("forward"), "Forwarded"));
  append(bubble, quote(message, context));
  if (message.revoked_at) {
    const by = message.revoked_by ? ` by ${plain(reactorName(message.revoked_by, context))}` : "";
    append(bubble, el("div", { class: "revoked" }, icon("revoked"), el("span", null, `Taken back${by}, ${time.moment(message.revoked_at)}`)));
    const kept = contentOf(message);
    if (kept.length) {
      append(bubble, el("details", { class: "kept" }, el("summary", null, "Show what it said"), kept));
    }
  } else {
    append(bubble, contentOf(message));
  }
  if (message.raw !== undefined) append(bubble, json(message.raw, "As it came"));
  if (message.metadata && Object.keys(message.metadata).length) append(bubble, json(message.metadata, "Details"));
  append(meta, timeOf);
  if (message.edited_at && !message.revoked_at) {
    if (message.versions) {
      const shown = versions(message);
      box = shown.box;
      append(meta, shown.button);
    } else {
      append(meta, el("span", null, "edited"));
    }
  }
  if (message.attempts > 1) append(meta, el("span", null, `${message.attempts} tries`));
  append(meta, statusOf(message));
  append(bubble, [box, meta, failure(message, context)]);
  const isOut = message.direction === "outbound";
  const tools = context.answer && !message.revoked_at &&
    el("div", { class: "tools" }, iconButton("reply", "Answer this message", () => context.answer(message)));
  return el("li", {
    class: `message ${isOut ? "out" : "in"}${follows ? " follows" : ""}${author.label === "Bot" ? " bot" : ""}`,
    id: message.id, tabindex: "-1",
  },
  follows ? spoken(`${plain(author.name)}: `) : el("div", { class: "author" },
    bdi(author.name), author.label && el("span", { class: "badge" }, author.label)),
  el("div", { class: "row" }, bubble, tools), reactions(message, context));
}

/** A note of the team. */
export function renderNote(note) {
  const name = note.author ? userName(note.author) : "Team";
  return el("li", { class: "message note", id: note.id, tabindex: "-1" },
    el("div", { class: "author" }, icon("note"), spoken("Internal note by "), bdi(name)),
    el("div", { class: "row" }, el("div", { class: "bubble" }, prose(note.content),
      el("div", { class: "meta" }, "Only the team sees this · ",
        el("time", { datetime: note.created_at, title: time.full(note.created_at) }, time.clock(note.created_at))))));
}

/** What an event of the audit log says. */
export function describe(event) {
  const actor = event.actor ? userName(event.actor) : null;
  const self = event.actor && event.assigned_to?.id === event.actor;
  const by = actor ? ` by ${plain(actor)}` : "";
  switch (event.type) {
    case "conversation.created":
      return null;
    case "conversation.assigned":
      if (self) return `${plain(actor)} took the conversation`;
      return `Assigned to ${plain(nameOf(event.assigned_to))}${by}`;
    case "conversation.unassigned":
      return `Unassigned${by}`;
    case "conversation.resolved":
      return `Resolved${by}`;
    case "conversation.reopened":
      return actor ? `Reopened${by}` : "Reopened";
    default:
      return `${worded(event.type.replace("conversation.", ""))}${by}`;
  }
}

export function renderEvent(event) {
  const text = describe(event);
  return text && el("li", { class: "line", id: `event-${event.sequence}` }, el("span", { class: "line-text" },
    el("bdi", { dir: "auto" }, text), " · ",
    el("time", { datetime: event.created_at, title: time.full(event.created_at) }, time.clock(event.created_at))));
}

/** What somebody else did to a conversation, for one who wanted to do something at the same time. */
export function deed(event) {
  const actor = event?.actor && event.actor !== directory.me ? plain(userName(event.actor)) : null;
  if (!actor) return null;
  const verbs = {
    "conversation.resolved": "has resolved it",
    "conversation.reopened": "has reopened it",
    "conversation.unassigned": "has unassigned it",
  };
  if (event.type === "conversation.assigned") {
    return event.assigned_to?.id === event.actor ? `${actor} has taken it` : `${actor} has given it to ${plain(nameOf(event.assigned_to))}`;
  }
  return verbs[event.type] ? `${actor} ${verbs[event.type]}` : null;
}
