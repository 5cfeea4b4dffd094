// Dialogs, and the short messages at the edge of the page.

import { bdi, el, fill, icon, iconButton, plain, spoken } from "./dom.js";

/** Shows a dialog until it is closed. The focus goes back to where it was. */
export function open(title, content, properties) {
  const before = document.activeElement;
  const dialog = el("dialog", { "aria-label": title, ...properties },
    el("div", { class: "dialog-head" }, el("h2", null, title), iconButton("close", "Close", () => dialog.close())), content);
  const closed = new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (before?.isConnected) before.focus();
      resolve(dialog.returnValue);
    });
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return { dialog, closed };
}

/**
 * Lets one choose among options, each `{value, label, hint?, icon?, selected?}`, with the keyboard or without.
 * `create(text)` may make an option of what was typed. Answers the value, or undefined.
 */
export async function pick(title, options, create) {
  let shown = [];
  let active = 0;
  let chosen;
  const choose = (option) => {
    if (!option) return;
    chosen = option.value;
    box.dialog.close();
  };
  const list = el("ul", { class: "options", role: "listbox", id: "picker-options", "aria-label": title });
  const input = el("input", {
    type: "text", class: "picker-input", role: "combobox", "aria-expanded": "true", "aria-controls": "picker-options",
    "aria-autocomplete": "list", "aria-label": title, placeholder: "Type to filter…", autocomplete: "off", dir: "auto",
    oninput: () => draw(true),
    onkeydown(event) {
      const moves = { ArrowDown: 1, ArrowUp: -1 };
      if (event.key in moves) {
        event.preventDefault();
        active = (active + moves[event.key] + shown.length) % Math.max(1, shown.length);
        draw(false);
      } else if (event.key === "Enter") {
        event.preventDefault();
        choose(shown[active]);
      }
    },
  });
  const draw = (isNew) => {
    const wanted = plain(input.value).toLowerCase();
    shown = options.filter((option) => `${plain(option.label)} ${option.hint ?? ""}`.toLowerCase().includes(wanted));
    const made = create && wanted && create(plain(input.value));
    if (made && !options.some((option) => plain(option.label).toLowerCase() === wanted)) shown.push(made);
    shown = shown.slice(0, 200);
    if (isNew) active = 0;
    fill(list, shown.map((option, index) => el("li", {
      role: "option", id: `picker-${index}`, "aria-selected": String(index === active),
      class: index === active ? "active" : null, onclick: () => choose(option),
    }, option.icon && icon(option.icon), bdi(option.label), option.selected && [icon("check"), spoken(" (now)")],
    option.hint && bdi(option.hint, { class: "hint" }))));
    if (!shown.length) fill(list, el("li", { class: "quiet", role: "presentation" }, "Nothing fits."));
    input.setAttribute("aria-activedescendant", shown.length ? `picker-${active}` : "");
    list.children[active]?.scrollIntoView?.({ block: "nearest" });
  };
  const box = open(title, [input, list], { class: "picker" });
  draw(true);
  input.focus();
  await box.closed;
  return chosen;
}

/** Asks for one line of text. Answers it, or undefined. */
export async function ask(title, label, value = "") {
  let answer;
  const input = el("input", { type: "text", id: "ask-input", value, dir: "auto", required: true, autocomplete: "off" });
  const form = el("form", {
    class: "ask",
    onsubmit(event) {
      event.preventDefault();
      answer = input.value.trim();
      box.dialog.close();
    },
  }, el("label", { for: "ask-input" }, label), input, el("div", { class: "dialog-end" }, el("button", { type: "submit", class: "primary" }, "Save")));
  const box = open(title, form);
  input.focus();
  await box.closed;
  return answer || undefined;
}

/** Asks for a time in the future. Answers a Date, or undefined. */
export async function askTime(title) {
  let answer;
  const soon = new Date(Date.now() + 3_600_000 - new Date().getTimezoneOffset() * 60_000);
  const input = el("input", { type: "datetime-local", id: "ask-time", value: soon.toISOString().slice(0, 16), required: true });
  const form = el("form", {
    class: "ask",
    onsubmit(event) {
      event.preventDefault();
      answer = new Date(input.value);
      box.dialog.close();
    },
  }, el("label", { for: "ask-time" }, "Until"), input, el("div", { class: "dialog-end" }, el("button", { type: "submit", class: "primary" }, "Snooze")));
  const box = open(title, form);
  input.focus();
  await box.closed;
  return answer && !Number.isNaN(answer.getTime()) ? answer : undefined;
}

export const KEYS = [
  ["Move", [["j", "Next conversation"], ["k", "Previous conversation"], ["Enter", "Open it"], ["[ ]", "Page back, page on"], ["Esc", "Back to the list"]]],
  ["Find", [["/", "Find a contact"], ["f", "Filters"], ["g", "Go to a page"]]],
  ["Write", [["r", "Reply"], ["n", "Note"], ["Ctrl+Enter", "Send"]]],
  ["Do", [["c", "Claim"], ["a", "Assign"], ["e", "Resolve or reopen"], ["s", "Snooze"], ["t", "Tag"], ["p", "Priority"], ["u", "Mark as read or unread"]]],
  ["Page", [["i", "Details"], ["d", "Dark or light"], ["?", "This help"]]],
];

export function help() {
  open("Keyboard", el("div", { class: "help" }, KEYS.map(([title, keys]) => el("section", null, el("h3", null, title),
    el("dl", null, keys.map(([key, text]) => [el("dt", null, key.split(" ").map((one) => el("kbd", null, one))), el("dd", null, text)]))))), { class: "wide" });
}

/** A short message. One of a failure stays until it is closed. */
export function toast(text, kind = "info") {
  const shown = el("div", { class: `toast toast-${kind}`, role: kind === "error" ? "alert" : "status" },
    icon(kind === "error" ? "fail" : "check"), el("span", { dir: "auto" }, text), iconButton("close", "Dismiss", () => shown.remove()));
  const toasts = document.getElementById("toasts");
  toasts.append(shown);
  const others = [...toasts.children].filter((other) => other !== noticed);
  for (const old of others.slice(0, -4)) old.remove();
  if (kind !== "error") setTimeout(() => shown.remove(), 5000);
}

/** Says that something failed. That the session has ended is said by the form to begin another one. */
export function complain(error) {
  if (error.status !== 401) toast(error.message, "error");
}

let noticed = null;

/** Says what goes on for a while, in place of what it said before; null when it is over. */
export function notice(text) {
  if (!text) {
    noticed?.remove();
    noticed = null;
    return;
  }
  noticed ??= el("div", { class: "toast toast-notice", role: "status" }, icon("clock"), el("span"));
  const words = noticed.querySelector("span");
  if (words.textContent !== text) words.textContent = text;
  if (!noticed.isConnected) document.getElementById("toasts").append(noticed);
}
