// Where one writes: a reply to the contact, or a note for the team.

import { el, fill, icon, iconButton, plain, spoken } from "./dom.js";
import { snippet } from "./message.js";

/** What was begun in each conversation, for as long as the page is open. */
const drafts = new Map();

/** Somebody else writes here from now on. */
export function forgetDrafts() {
  drafts.clear();
}

export class Composer {
  /** `send(kind, text, options)` answers whether it was done. */
  constructor(send) {
    this.send = send;
    this.kind = "reply";
    this.text = el("textarea", {
      id: "composer-text", rows: "3", dir: "auto", "aria-describedby": "composer-hint", oninput: () => this.keep(),
      onkeydown: (event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
          event.preventDefault();
          this.submit();
        }
      },
    });
    this.label = el("label", { for: "composer-text", class: "hidden-text" });
    this.tabs = ["reply", "note"].map((kind) => el("button", {
      type: "button", role: "tab", id: `composer-${kind}`, "aria-controls": "composer-panel", onclick: () => this.write(kind),
      onkeydown: (event) => {
        if (event.key === "ArrowLeft" || event.key === "ArrowRight") this.write(kind === "reply" ? "note" : "reply", true);
      },
    }, icon(kind), kind === "reply" ? "Reply" : "Note"));
    this.button = el("button", { type: "submit", class: "primary" });
    this.answered = el("div", { class: "answered", hidden: true });
    this.conflict = el("div", { class: "conflict", role: "alert", hidden: true });
    this.element = el("form", { class: "composer", onsubmit: (event) => { event.preventDefault(); this.submit(); } },
      el("div", { class: "tabs", role: "tablist", "aria-label": "Write" }, this.tabs),
      el("div", { id: "composer-panel", role: "tabpanel", "aria-labelledby": "composer-reply" },
        this.conflict, this.answered, this.label, this.text,
        el("div", { class: "composer-end" }, el("span", { class: "quiet", id: "composer-hint" }, "Ctrl+Enter sends"), this.button)));
    this.panel = this.element.querySelector("#composer-panel");
    this.draw();
  }

  draw() {
    const isNote = this.kind === "note";
    this.element.classList.toggle("is-note", isNote);
    for (const tab of this.tabs) {
      const isHere = tab.id === `composer-${this.kind}`;
      tab.setAttribute("aria-selected", String(isHere));
      tab.tabIndex = isHere ? 0 : -1;
    }
    this.panel.setAttribute("aria-labelledby", `composer-${this.kind}`);
    fill(this.label, isNote ? "Note for the team" : "Reply to the contact");
    this.text.placeholder = isNote ? "A note that only the team sees…" : `Reply${this.to ? ` to ${this.to}` : ""}…`;
    fill(this.button, icon(isNote ? "note" : "send"), isNote ? "Add note" : "Send");
  }

  /** Writes in this conversation from now on. */
  show(id, to) {
    this.id = id;
    this.to = plain(to);
    const draft = drafts.get(id) ?? {};
    this.kind = draft.kind ?? "reply";
    this.text.value = draft.text ?? "";
    this.answer(draft.replyTo ?? null);
    this.conflict.hidden = true;
    this.draw();
  }

  keep() {
    if (this.text.value || this.replyTo) drafts.set(this.id, { kind: this.kind, text: this.text.value, replyTo: this.replyTo });
    else drafts.delete(this.id);
  }

  write(kind, isByTab = false) {
    this.kind = kind;
    this.keep();
    this.draw();
    (isByTab ? this.tabs.find((tab) => tab.id === `composer-${kind}`) : this.text).focus();
  }

  /** Answers one message of the contact's. */
  answer(message) {
    this.replyTo = message;
    this.answered.hidden = !message;
    if (!message) return;
    fill(this.answered, icon("reply"), spoken("Answers: "), el("bdi", { dir: "auto" }, snippet(message).text),
      iconButton("close", "Answer no message", () => { this.answer(null); this.keep(); this.text.focus(); }));
  }

  async submit(anyway = false) {
    const text = this.text.value;
    if (this.busy || !text.trim()) {
      this.text.focus();
      return;
    }
    const { id, kind, replyTo } = this;
    this.busy = true;
    this.button.disabled = true;
    this.conflict.hidden = true;
    const refused = await this.send(kind, text, { replyTo: kind === "reply" ? replyTo : null, anyway });
    this.busy = false;
    this.button.disabled = false;
    if (refused) {
      if (this.id !== id) return;
      fill(this.conflict, el("span", null, `${refused}. Nothing was sent.`),
        el("button", { type: "button", class: "quiet-button", onclick: () => this.submit(true) }, "Send anyway"));
      this.conflict.hidden = false;
      return;
    }
    if (refused === null) {
      drafts.delete(id);
      if (this.id === id) {
        this.text.value = "";
        this.answer(null);
        this.kind = "reply";
        this.draw();
        this.text.focus();
      }
    }
  }
}
