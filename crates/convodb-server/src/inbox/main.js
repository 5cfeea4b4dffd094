// The inbox: signing in, the parts of the page, the keyboard, and what happens meanwhile.

import { beginSession, get, onLimited, onSignedOut, part, request } from "./api.js";
import { forgetDrafts } from "./composer.js";
import { CHANNELS, directory, load, userName } from "./directory.js";
import { announce, avatar, bdi, el, fill, icon, iconButton, plain, spoken } from "./dom.js";
import { complain, help, notice, toast } from "./dialogs.js";
import { Filters, count, folders, fromAddress, toAddress } from "./filters.js";
import { List } from "./list.js";
import { Live, batched } from "./live.js";
import { Thread } from "./thread.js";

const THEMES = ["auto", "light", "dark"];
const THEME = "convodb-inbox-theme";

/** What others may see of the lists does not change by these. */
const QUIET = new Set(["message.delivered", "message.read", "message.played", "conversation.receipts", "message.updated"]);

function stored() {
  try {
    return localStorage.getItem(THEME);
  } catch {
    return null;
  }
}

function setTheme(name) {
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  try {
    if (name === "auto") localStorage.removeItem(THEME);
    else localStorage.setItem(THEME, name);
  } catch {
    // It lasts for as long as the page.
  }
}

const theme = () => document.documentElement.dataset.theme ?? "auto";
const isDark = () => theme() === "dark" || (theme() === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);

function flipTheme() {
  const next = isDark() ? "light" : "dark";
  setTheme(next);
  announce(`${next === "dark" ? "Dark" : "Light"} colours`);
}

// Signing in

/** Asks for a key, and for the user, who may be known. */
function signIn(message, user) {
  const key = el("input", { id: "key", type: "password", autocomplete: "off", required: true, spellcheck: "false", "aria-describedby": "sign-in-error" });
  const actor = el("input", { id: "actor", type: "text", value: user, autocomplete: "username", placeholder: "usr_…", spellcheck: "false", "aria-describedby": "sign-in-error", pattern: "usr_[!-~]+", title: "A user's id, such as usr_01H111" });
  const problem = el("p", { id: "sign-in-error", class: "problem", role: "alert" }, message);
  const button = el("button", { type: "submit", class: "primary" }, "Sign in");
  const form = el("form", {
    class: "sign-in",
    async onsubmit(event) {
      event.preventDefault();
      button.disabled = true;
      problem.textContent = "";
      const who = actor.value.trim();
      try {
        await request("POST", "session", { bearer: key.value, body: who ? { actor: who } : {}, quiet: true });
        key.value = "";
        await start();
      } catch (error) {
        const isInvalid = error.status === 401;
        problem.textContent = isInvalid ? "This key is not valid." : error.message;
        // The key stays where the user was refused.
        if (isInvalid) key.value = "";
        (key.value && who ? actor : key).focus();
      } finally {
        button.disabled = false;
      }
    },
  },
  el("div", { class: "brand" }, icon("inbox"), el("h1", null, "Inbox")),
  el("label", { for: "key" }, "API key"), key,
  el("label", { for: "actor" }, "Your user id (optional)"), actor,
  el("p", { class: "quiet" }, "The key is exchanged for a cookie and not kept by this page."),
  problem, button);
  fill(document.getElementById("app"), el("main", { class: "sign-in-page", "aria-label": "Sign in" }, form));
  document.title = "Sign in · Inbox";
  key.focus();
}

// The page

class Page {
  constructor() {
    this.list = new List({
      open: (row) => this.go(row.id),
      moved: () => this.drawFoot(),
      problem: (error) => this.problem(error),
    });
    this.thread = new Thread({
      changed: () => { this.refreshLists(); },
      closed: () => this.back(),
      move: (id) => this.go(id),
    });
    this.filters = new Filters((query) => { location.hash = `#?${toAddress(query)}`; });
    this.events = [];
    this.refreshLists = batched(async () => {
      // What is not in sight is read when it is.
      this.isOld = document.hidden;
      if (this.isOld) return;
      this.filters.recount();
      await this.list.refresh().catch(() => {});
    }, 150, 1000);
    this.refreshThread = batched(async () => {
      const events = this.events.splice(0).filter((event) => this.thread.concerns(event));
      if (events.length) await this.thread.refresh(events).catch(complain);
    }, 60);
    this.refreshNames = batched(() => load(["users", "teams", "inboxes", "tags", "views"]).then(() => this.filters.drawSidebar()), 5000);
    this.build();
    this.onHash = () => this.route();
    this.onSight = () => { if (this.isOld) this.refreshLists(); };
    this.onKey = (event) => this.pressed(event);
    addEventListener("hashchange", this.onHash);
    document.addEventListener("visibilitychange", this.onSight);
    document.addEventListener("keydown", this.onKey);
    this.live = new Live({
      event: (event) => this.happened(event),
      state: (name) => this.drawState(name),
      missed: () => this.reload(),
    });
    this.route();
    this.filters.recount();
  }

  close() {
    this.live.close();
    removeEventListener("hashchange", this.onHash);
    document.removeEventListener("keydown", this.onKey);
    document.removeEventListener("visibilitychange", this.onSight);
  }

  build() {
    const me = directory.me ? userName(directory.me) : "No user";
    this.state = el("span", { class: "live", role: "status" });
    this.drawState("waiting");
    this.title = el("h2", { id: "list-title" });
    this.total = el("span", { class: "quiet", id: "list-total" });
    this.results = el("ul", { class: "results", id: "search-results", role: "listbox", "aria-label": "Contacts found", hidden: true });
    this.search = el("input", {
      type: "search", id: "search", placeholder: "Find a contact…", autocomplete: "off", dir: "auto", role: "combobox",
      "aria-label": "Find a contact by name or number", "aria-expanded": "false", "aria-controls": "search-results", "aria-autocomplete": "list",
      oninput: () => this.find(), onkeydown: (event) => this.searchKey(event),
      onblur: () => setTimeout(() => this.closeResults(), 150),
    });
    this.pageInput = el("input", {
      type: "number", id: "page", min: "1", value: "1", "aria-label": "Page",
      onchange: () => this.list.goToPage(Math.trunc(Number(this.pageInput.value)) || 1),
      onkeydown: (event) => { if (event.key === "Enter") { this.list.goToPage(Math.trunc(Number(this.pageInput.value)) || 1); this.list.element.focus(); } },
    });
    this.pageCount = el("span", { id: "page-count" });
    const sidebar = el("div", { class: "sidebar", role: "region", "aria-label": "Lists and account" },
      el("div", { class: "brand" }, icon("inbox"), el("span", null, "Inbox"), this.state),
      this.filters.sidebar,
      el("div", { class: "account" }, avatar(me, directory.me ?? "none"), bdi(me, { class: "account-name", id: "account-name" }),
        iconButton("help", "Keyboard", help),
        iconButton("moon", "Dark or light", flipTheme, { id: "theme" }),
        iconButton("forward", "Sign out", () => signOut(), { id: "sign-out" })));
    const pane = el("section", { class: "list-pane", "aria-labelledby": "list-title" },
      el("header", { class: "list-head" },
        el("div", { class: "list-title" }, iconButton("menu", "Lists", () => document.body.classList.toggle("shows-sidebar"), { class: "icon-button menu" }), this.title, this.total),
        el("div", { class: "search" }, icon("search"), this.search, el("kbd", { "aria-hidden": "true" }, "/"), this.results),
        el("div", { class: "list-tools" }, this.filters.toggle, this.filters.chips),
        this.filters.panel),
      el("div", { class: "list-box" }, this.list.message, this.list.element),
      el("footer", { class: "list-foot" },
        iconButton("reply", "Page back", () => this.list.goToPage(this.list.page - 1), { id: "page-back" }),
        el("label", null, "Page ", this.pageInput), this.pageCount,
        iconButton("arrow", "Page on", () => this.list.goToPage(this.list.page + 1), { id: "page-on" })));
    fill(document.getElementById("app"),
      el("a", { class: "skip", href: "#thread-name", onclick: (event) => { event.preventDefault(); this.thread.scroll.focus(); } }, "Skip to the thread"),
      el("div", { class: "page" }, sidebar, pane, this.thread.element, this.thread.details.element));
  }

  drawState(name) {
    const label = name === "live" ? "Live" : "Connecting…";
    this.state.className = `live live-${name}`;
    this.state.title = label;
    fill(this.state, spoken(label));
  }

  drawFoot() {
    const { list } = this;
    this.total.textContent = list.total === null ? "" : count(list.total);
    if (document.activeElement !== this.pageInput) this.pageInput.value = String(list.page);
    this.pageInput.max = String(list.pageCount);
    this.pageCount.textContent = `of ${count(list.pageCount)}`;
  }

  // Addresses: `#conversation?list`.

  go(id) {
    const hash = `#${id}?${toAddress(this.filters.query)}`;
    if (location.hash === hash) this.route();
    else location.hash = hash;
  }

  back() {
    location.hash = `#?${toAddress(this.filters.query)}`;
    this.list.element.focus();
  }

  route() {
    const [id, search = ""] = location.hash.slice(1).split("?");
    const start = folders().find((folder) => folder.id === "open").query;
    const query = search ? fromAddress(search) : this.filters.query ?? start;
    if (this.shown === undefined || toAddress(query) !== this.shown) {
      this.shown = toAddress(query);
      this.filters.show(query);
      this.title.textContent = plain(this.filters.title);
      document.body.classList.remove("shows-sidebar");
      this.list.show(query).then(() => id && this.list.mark(id));
    }
    document.body.classList.toggle("has-thread", Boolean(id));
    document.title = `${plain(this.filters.title)} · Inbox`;
    if (!id) {
      this.thread.close();
      this.list.mark(null);
    } else if (id !== this.thread.id) {
      const row = [...this.list.pages.values()].flat().find((known) => known.id === id);
      this.list.mark(id);
      this.thread.open(id, row);
    }
  }

  problem(error) {
    const { list } = this;
    if (error.code === "view_required") {
      list.say([el("p", null, "This list reads each of many conversations."),
        el("button", { type: "button", class: "quiet-button", onclick: () => { list.say(null); list.show({ ...this.filters.query, scan: "true" }); } }, "Read them"),
        el("button", { type: "button", class: "quiet-button", onclick: () => this.filters.saveView() }, "Save as a view, which is quick")]);
    } else if (error.code === "view_building") {
      list.say(el("p", null, `The view is being built: ${count(error.body.done ?? 0)} of ${count(error.body.of ?? 0)}.`));
      setTimeout(() => { if (list.query.view) list.show(list.query); }, 1000 * error.retryAfter);
    } else if (error.status === 404 && list.query.view) {
      list.say(el("p", null, "There is no such view."));
    } else if (error.status !== 401) {
      list.say([el("p", null, error.message), el("button", { type: "button", class: "quiet-button", onclick: () => list.show(list.query) }, "Try again")]);
    }
  }

  // What happens meanwhile

  happened(event) {
    if (this.thread.concerns(event)) {
      this.events.push(event);
      this.refreshThread();
    }
    if (!QUIET.has(event.type)) this.refreshLists();
    if (event.type === "conversation.updated" || event.type === "conversation.imported") this.refreshNames();
    if (event.type === "message.received" && event.conversation_id !== this.thread.id) this.heard(event);
  }

  /** A message in another conversation is announced once in a while. */
  heard() {
    if (this.hearing) return;
    this.hearing = setTimeout(() => {
      this.hearing = null;
      announce("New messages in the list");
    }, 2000);
  }

  reload() {
    this.refreshLists();
    this.refreshNames();
    if (this.thread.id) this.thread.reload();
  }

  // Finding a contact

  async find() {
    const text = this.search.value.trim();
    clearTimeout(this.finding);
    if (!text) {
      this.closeResults();
      return;
    }
    this.finding = setTimeout(async () => {
      const wanted = [["contacts", { name: text, limit: 8 }]];
      if (/^[+\d][\d ]+$/u.test(text)) {
        const digits = text.replaceAll(" ", "");
        wanted.push(...["whatsapp", "webchat"].map((channel) => ["contacts", { channel, identity: digits, limit: 4 }]));
      }
      const answers = await Promise.all(wanted.map(([path, query]) => get(path, query).catch(() => ({ data: [] }))));
      if (/^con_/u.test(text)) answers.push({ data: [await get(`contacts/${part(text)}`).catch(() => null)].filter(Boolean) });
      if (this.search.value.trim() !== text) return;
      const found = new Map(answers.flatMap((answer) => answer.data).map((contact) => [contact.id, contact]));
      this.found = [...found.values()].slice(0, 10);
      this.foundAt = 0;
      this.drawResults();
    }, 150);
  }

  drawResults() {
    this.results.hidden = false;
    this.search.setAttribute("aria-expanded", "true");
    fill(this.results, this.found.length ? this.found.map((contact, index) => el("li", {
      role: "option", id: `result-${index}`, class: index === this.foundAt ? "active" : null, "aria-selected": String(index === this.foundAt),
      onclick: () => this.choose(contact),
    }, avatar(contact.name ?? contact.id, contact.id), bdi(contact.name ?? contact.id),
    contact.identities[0] && el("span", { class: "hint" }, CHANNELS[contact.identities[0].channel], " ", bdi(contact.identities[0].value))))
      : el("li", { class: "quiet", role: "presentation" }, "No contact begins like this."));
    this.search.setAttribute("aria-activedescendant", this.found.length ? `result-${this.foundAt}` : "");
  }

  closeResults() {
    this.results.hidden = true;
    this.search.setAttribute("aria-expanded", "false");
    this.search.removeAttribute("aria-activedescendant");
  }

  choose(contact) {
    this.search.value = "";
    this.closeResults();
    location.hash = `#?${toAddress({ contact_id: contact.id, status: "all" })}`;
    this.list.element.focus();
  }

  searchKey(event) {
    if (event.key === "Escape") {
      this.search.value = "";
      this.closeResults();
      this.list.element.focus();
    } else if (!this.results.hidden && this.found?.length) {
      const moves = { ArrowDown: 1, ArrowUp: -1 };
      if (event.key in moves) {
        event.preventDefault();
        this.foundAt = (this.foundAt + moves[event.key] + this.found.length) % this.found.length;
        this.drawResults();
      } else if (event.key === "Enter") {
        event.preventDefault();
        this.choose(this.found[this.foundAt]);
      }
    }
  }

  // The keyboard

  pressed(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return;
    const { target } = event;
    const writes = target.closest?.("textarea, select, input:not([type=checkbox])");
    if (event.key === "Escape") {
      if (writes) {
        if (this.thread.body.contains(target)) this.thread.scroll.focus();
        else this.list.element.focus();
      } else if (!this.filters.panel.hidden) {
        this.filters.flip(false);
        this.filters.toggle.focus();
      } else if (this.thread.id) {
        this.back();
      }
      return;
    }
    if (writes) return;
    const { thread, list } = this;
    const withThread = (work) => () => thread.conversation && canWrite() && work();
    const keys = {
      j: () => { list.step(1); list.element.focus(); },
      k: () => { list.step(-1); list.element.focus(); },
      "/": () => this.search.focus(),
      "?": () => help(),
      f: () => this.filters.flip(),
      g: () => { this.pageInput.focus(); this.pageInput.select(); },
      "[": () => list.goToPage(list.page - 1),
      "]": () => list.goToPage(list.page + 1),
      d: () => flipTheme(),
      r: withThread(() => thread.composer.write("reply")),
      n: withThread(() => thread.composer.write("note")),
      a: withThread(() => thread.assign()),
      c: withThread(() => (directory.me ? thread.claim() : toast("Claiming needs a user id: sign out, and sign in with yours.", "error"))),
      e: withThread(() => thread.flipStatus()),
      s: withThread(() => thread.snooze()),
      t: withThread(() => thread.tag()),
      p: withThread(() => thread.prioritise()),
      u: withThread(() => thread.flipRead()),
      i: () => thread.flipDetails(),
    };
    if (event.key === "Enter" && target === document.body) {
      list.open();
      event.preventDefault();
      return;
    }
    const work = keys[event.key];
    if (!work) return;
    event.preventDefault();
    work();
  }
}

/** Whether the key of the session may change something. */
const canWrite = () => !directory.scopes || directory.scopes.includes("write");

let page = null;

function leave() {
  page?.close();
  page = null;
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  document.body.className = "";
}

async function signOut() {
  try {
    await request("DELETE", "session", { quiet: true });
  } catch (error) {
    if (error.status !== 401) {
      complain(error);
      return;
    }
  }
  leave();
  history.replaceState(null, "", location.pathname);
  signIn();
}

/** Shows the inbox of the session, or the form to begin one. */
async function start() {
  const session = await request("GET", "session", { quiet: true });
  const { me, key } = directory;
  Object.assign(directory, { me: session.actor ?? null, key: session.key ?? null, scopes: session.scopes ?? null });
  if (directory.me !== me || (!me && directory.key !== key)) forgetDrafts();
  beginSession();
  await load();
  leave();
  page = new Page();
  document.body.classList.toggle("read-only", !canWrite());
  page.list.element.focus();
}

onSignedOut(() => {
  if (!page) return;
  leave();
  signIn("The session has ended.", directory.me);
});

onLimited((seconds) => notice(seconds && `Too many requests; trying again in ${seconds} s`));

const known = stored();
if (THEMES.includes(known) && known !== "auto") setTheme(known);
start().catch((error) => signIn(error.status === 401 ? "" : error.message));
