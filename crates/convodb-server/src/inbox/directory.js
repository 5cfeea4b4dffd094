// Who works here, and what there is to choose from: users, teams, inboxes, tags and views.

import { get } from "./api.js";

export const CHANNELS = {
  whatsapp: "WhatsApp",
  instagram: "Instagram",
  messenger: "Messenger",
  webchat: "Web chat",
};

export const PRIORITIES = ["urgent", "high", "medium", "low"];

export const directory = {
  me: null,
  key: null,
  scopes: null,
  users: [],
  teams: [],
  inboxes: [],
  tags: [],
  views: [],
};

const LISTS = ["users", "teams", "inboxes", "tags", "views"];

/** Loads these lists anew, or all. One that cannot be read stays as it is. */
export async function load(names = LISTS) {
  await Promise.all(names.map(async (name) => {
    const answer = await get(name).catch(() => null);
    if (answer) directory[name] = answer.data;
  }));
}

/** The name of a user or team. */
export function nameOf(party) {
  if (!party) return "no one";
  const list = party.type === "team" || !String(party.id).startsWith("usr_") ? directory.teams : directory.users;
  return list.find((known) => known.id === party.id)?.name ?? party.name ?? party.id;
}

export const userName = (id) => directory.users.find((user) => user.id === id)?.name ?? id;

export const isMe = (party) => Boolean(party && directory.me && party.id === directory.me);

/** What an inbox is called: its name, or that of its channel. */
export function inboxName(id, channel) {
  const known = directory.inboxes.find((inbox) => inbox.id === id);
  return known?.name ?? CHANNELS[id] ?? (id || CHANNELS[channel] || channel);
}

/** The name of a contact, or what else it is known by. */
export function contactName(contact, conversation) {
  if (contact?.name) return contact.name;
  const identity = conversation?.identity ?? contact?.identities?.[0]?.value;
  return identity ?? contact?.id ?? conversation?.contact_id ?? "Unknown";
}
