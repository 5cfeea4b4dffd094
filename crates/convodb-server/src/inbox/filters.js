// Which conversations are listed: the folders and saved views at the side, and the filters above the list.

import { get, part, put, remove } from "./api.js";
import { CHANNELS, PRIORITIES, directory, inboxName, load, nameOf } from "./directory.js";
import { bdi, el, fill, icon, iconButton, plain, spoken } from "./dom.js";
import { ask, complain, toast } from "./dialogs.js";
import { batched } from "./live.js";

const NUMBER = new Intl.NumberFormat();
export const count = (number) => NUMBER.format(number);

/** What is kept of a list's address, in this order. */
const NAMES = ["view", "status", "assigned_to", "team", "inbox", "tag", "priority", "unread", "waiting", "snoozed", "contact_id", "sort", "scan"];

export function folders() {
  return [
    { id: "mine", name: "Mine", icon: "person", query: { status: "open", assigned_to: directory.me, snoozed: "false" } },
    { id: "unassigned", name: "Unassigned", icon: "inbox", query: { status: "open", assigned_to: "unassigned", snoozed: "false" } },
    { id: "open", name: "All open", icon: "mail", query: { status: "open", snoozed: "false" } },
    { id: "unread", name: "Unread", icon: "unread", query: { status: "open", unread: "true" } },
    { id: "snoozed", name: "Snoozed", icon: "clock", query: { status: "open", snoozed: "true" } },
    { id: "resolved", name: "Resolved", icon: "archive", query: { status: "resolved" } },
  ].filter((folder) => folder.id !== "mine" || directory.me);
}

const same = (one, other) => NAMES.every((name) => (one[name] ?? "") === (other[name] ?? ""));

export const toAddress = (query) => {
  const parameters = new URLSearchParams();
  for (const name of NAMES) if (query[name]) parameters.set(name, query[name]);
  return parameters.toString();
};

export const fromAddress = (text) => {
  const parameters = new URLSearchParams(text);
  const query = {};
  for (const name of NAMES) if (parameters.get(name)) query[name] = parameters.get(name);
  return query;
};

export class Filters {
  /** `onQuery(query)` is called when another list is wanted. */
  constructor(onQuery) {
    this.onQuery = onQuery;
    this.query = folders().find((folder) => folder.id === "open").query;
    this.counts = new Map();
    this.sidebar = el("nav", { class: "folders", "aria-label": "Lists" });
    this.panel = el("div", { class: "filter-panel", id: "filter-panel", hidden: true });
    this.chips = el("div", { class: "chips" });
    this.toggle = el("button", {
      type: "button", class: "quiet-button", "aria-expanded": "false", "aria-controls": "filter-panel", onclick: () => this.flip(),
    }, icon("filter"), "Filters");
    this.recount = batched(() => this.readCounts(), 200, 3000);
  }

  flip(isOpen = this.panel.hidden) {
    this.panel.hidden = !isOpen;
    this.toggle.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) this.panel.querySelector("select, input, button")?.focus();
  }

  get title() {
    const { query } = this;
    if (query.view) return directory.views.find((view) => view.id === query.view)?.name ?? query.view;
    if (query.contact_id) return "Conversations of a contact";
    return folders().find((folder) => same(folder.query, query))?.name ?? "Filtered";
  }

  show(query) {
    this.query = query;
    this.draw();
  }

  change(changes) {
    const query = { ...this.query, ...changes };
    delete query.scan;
    for (const name of Object.keys(query)) if (!query[name]) delete query[name];
    this.onQuery(query);
  }

  draw() {
    this.drawSidebar();
    this.drawPanel();
    this.drawChips();
  }

  entry(key, name, drawing, query) {
    const number = this.counts.get(key);
    const isHere = same(query, this.query);
    return el("li", null, el("a", {
      href: `#?${toAddress(query)}`, class: `folder${isHere ? " here" : ""}`, "aria-current": isHere ? "page" : null, "data-folder": key,
    }, icon(drawing), bdi(name, { class: "folder-name" }),
    number !== undefined && el("span", { class: "folder-count" }, typeof number === "number" ? count(number) : number, spoken(" conversations"))));
  }

  drawSidebar() {
    const views = directory.views.map((view) => this.entry(view.id, view.name, "view", { view: view.id }));
    const inboxes = [
      ...Object.entries(CHANNELS).map(([id, name]) => [id, name, id]),
      ...directory.inboxes.map((inbox) => [inbox.id, inbox.name, inbox.channel]),
    ].map(([id, name, channel]) => this.entry(`inbox:${id}`, name, channel, { status: "open", inbox: id, snoozed: "false" }));
    fill(this.sidebar,
      el("ul", null, folders().map((folder) => this.entry(folder.id, folder.name, folder.icon, folder.query))),
      views.length > 0 && [el("h2", null, "Views"), el("ul", null, views)],
      el("h2", null, "Inboxes"), el("ul", null, inboxes));
  }

  select(label, name, options) {
    const select = el("select", { onchange: () => this.change({ [name]: select.value }) },
      options.map(([value, text]) => el("option", { value, selected: (this.query[name] ?? "") === value }, plain(text))));
    return el("label", { class: "field" }, el("span", null, label), select);
  }

  check(label, name) {
    const box = el("input", { type: "checkbox", checked: this.query[name] === "true", onchange: () => this.change({ [name]: box.checked ? "true" : "" }) });
    return el("label", { class: "check" }, box, label);
  }

  drawPanel() {
    const focused = this.panel.contains(document.activeElement) ? document.activeElement.closest("label")?.textContent : null;
    if (this.query.view) {
      fill(this.panel, el("p", { class: "quiet" }, "A view has its own filter and order."),
        el("button", { type: "button", class: "quiet-button", onclick: () => this.deleteView() }, "Delete this view"));
      return;
    }
    const { tag } = this.query;
    const tags = directory.tags.map((known) => [known.tag, `${known.tag} (${count(known.count)})`]).filter(([value]) => !value.includes(","));
    if (tag && !tags.some(([value]) => value === tag)) tags.push([tag, tag]);
    fill(this.panel,
      this.select("Status", "status", [["open", "Open"], ["resolved", "Resolved"], ["all", "All"]]),
      this.select("Assignee", "assigned_to", [["", "Anyone"], ["unassigned", "Unassigned"],
        ...directory.users.map((user) => [user.id, user.id === directory.me ? `${user.name} (me)` : user.name]),
        ...directory.teams.map((team) => [team.id, `${team.name} (team)`])]),
      this.select("Inbox", "inbox", [["", "All"], ...Object.entries(CHANNELS), ...directory.inboxes.map((inbox) => [inbox.id, inbox.name])]),
      this.select("Tag", "tag", [["", "Any"], ...tags]),
      this.select("Priority", "priority", [["", "Any"], ["urgent,high", "High and urgent"], ...PRIORITIES.map((name) => [name, name])]),
      this.select("Snoozed", "snoozed", [["", "With snoozed"], ["false", "Without"], ["true", "Snoozed only"]]),
      this.select("Order", "sort", [["", "Latest activity first"], ["updated_at", "Earliest activity first"]]),
      el("div", { class: "checks" }, this.check("Unread", "unread"), this.check("Waiting for an answer", "waiting")),
      el("div", { class: "panel-end" },
        el("button", { type: "button", class: "quiet-button", onclick: () => this.onQuery({ status: "open" }) }, "Reset"),
        el("button", { type: "button", class: "quiet-button", onclick: () => this.saveView() }, icon("plus"), "Save as a view")));
    if (focused) [...this.panel.querySelectorAll("label")].find((label) => label.textContent === focused)?.querySelector("select, input")?.focus();
  }

  drawChips() {
    const { query } = this;
    const words = {
      assigned_to: (value) => (value === "unassigned" ? "Unassigned" : nameOf({ id: value })),
      inbox: (value) => inboxName(value),
      tag: (value) => `Tag ${value}`,
      priority: (value) => `Priority ${value.replace(",", " or ")}`,
      unread: () => "Unread",
      waiting: () => "Waiting",
      contact_id: () => "One contact",
      team: (value) => `Team ${nameOf({ type: "team", id: value })}`,
    };
    const isFolder = folders().some((folder) => same(folder.query, query));
    const chips = isFolder || query.view ? [] : Object.entries(words).filter(([name]) => query[name]);
    fill(this.chips, chips.map(([name, word]) => el("span", { class: "chip" }, bdi(word(query[name])),
      iconButton("close", `Remove the filter ${word(query[name])}`, () => this.change({ [name]: "", ...(name === "contact_id" ? { status: "open" } : {}) })))));
    this.chips.hidden = chips.length === 0;
  }

  /** The filter as a view has it. */
  viewFilter() {
    const filter = {};
    const { query } = this;
    if (query.status) filter.status = query.status;
    for (const name of ["assigned_to", "inbox", "priority", "team"]) if (query[name]) filter[name] = query[name].split(",");
    if (query.tag) filter.tag = { any: [query.tag] };
    for (const name of ["unread", "waiting", "snoozed"]) if (query[name]) filter[name] = query[name] === "true";
    return filter;
  }

  async saveView() {
    const name = await ask("Save as a view", "Name of the view", this.title === "Filtered" ? "" : this.title);
    if (!name) return;
    const words = name.toLowerCase().normalize("NFKD").replace(/[^a-z0-9]+/g, "_").replace(/^_+|_+$/g, "").slice(0, 60);
    const unique = crypto.getRandomValues(new Uint32Array(1))[0].toString(36);
    const id = `view_${words ? `${words}_` : ""}${unique}`;
    try {
      await put(`views/${part(id)}`, { name, filter: this.viewFilter(), sort: this.query.sort ?? "-updated_at" });
      await load(["views"]);
      toast(`The view “${name}” is saved.`);
      this.onQuery({ view: id });
      this.recount();
    } catch (error) {
      complain(error);
    }
  }

  async deleteView() {
    try {
      await remove(`views/${part(this.query.view)}`);
      await load(["views"]);
      this.onQuery(folders().find((folder) => folder.id === "open").query);
    } catch (error) {
      complain(error);
    }
  }

  /** Counts each list, a few at a time. A list that cannot be counted now has none. */
  async readCounts() {
    const wanted = [
      ...folders().map((folder) => [folder.id, folder.query]),
      ...directory.views.map((view) => [view.id, { view: view.id }]),
      ...[...Object.keys(CHANNELS), ...directory.inboxes.map((inbox) => inbox.id)].map((id) => [`inbox:${id}`, { status: "open", inbox: id, snoozed: "false" }]),
    ];
    const queue = [...wanted];
    const work = async () => {
      for (let next = queue.shift(); next; next = queue.shift()) {
        const [key, query] = next;
        try {
          const answer = await get("conversations", { ...query, limit: 1 });
          this.counts.set(key, Number(answer.total));
        } catch (error) {
          this.counts.set(key, error.code === "view_building" ? "…" : undefined);
        }
      }
    };
    await Promise.all([work(), work(), work()]);
    for (const [key, number] of this.counts) {
      const entry = [...this.sidebar.querySelectorAll("[data-folder]")].find((link) => link.dataset.folder === key);
      if (!entry) continue;
      const shown = typeof number === "number" ? count(number) : number;
      const known = entry.querySelector(".folder-count");
      if (shown === undefined) known?.remove();
      else if (known) known.firstChild.data = shown;
      else entry.append(el("span", { class: "folder-count" }, shown, spoken(" conversations")));
    }
  }
}
