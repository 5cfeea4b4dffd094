// Elements. Texts become text nodes, and nothing here turns a text into markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element. `properties`: `class`, `on…` listeners, and attributes; `true` is an empty attribute,
 * and null, undefined and false are none. Children are nodes, texts, or lists of these.
 */
export function el(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) {
      if (typeof value !== "function") throw new TypeError(`${name} is no function`);
      element.addEventListener(name.slice(2), value);
    } else if (name === "class") {
      element.className = value;
    } else {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  append(element, children);
  return element;
}

export function append(parent, children) {
  for (const child of [children].flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    parent.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/** Puts these children in place of all that an element has. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

/** A text for screen readers alone. */
export function spoken(text) {
  return el("span", { class: "hidden-text" }, text);
}

const PATHS = {
  archive: "M4 8h16M5 8v11h14V8M4 8l2-4h12l2 4M10 12h4",
  arrow: "M5 12h14M13 6l6 6-6 6",
  audio: "M4 10v4M8 7v10M12 4v16M16 8v8M20 10v4",
  bell: "M6 10a6 6 0 0 1 12 0c0 6 2 7 2 7H4s2-1 2-7M10 20h4",
  check: "M5 12.5l4.5 4.5L19 7.5",
  checks: "M2 12.5l4.5 4.5L15 8M11 16l1 1 9.5-9.5",
  clock: "M12 7v5l3.5 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18",
  close: "M6 6l12 12M18 6L6 18",
  contacts: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8M4 21c0-4 3.6-6 8-6s8 2 8 6",
  document: "M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6",
  edit: "M4 20l1-5L16 4l4 4L9 19z",
  fail: "M12 7v6M12 16.5v.5M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18",
  filter: "M4 6h16M7 12h10M10 18h4",
  forward: "M13 6l6 6-6 6M19 12H9c-3 0-5 2-5 6",
  help: "M9.5 9a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.9-1.1 1.8M12 16.5v.5M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5h.1",
  inbox: "M4 13l3-8h10l3 8v6H4zM4 13h5c0 4 6 4 6 0h5",
  info: "M12 11v6M12 7.5v.5M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18",
  instagram: "M8 3h8a5 5 0 0 1 5 5v8a5 5 0 0 1-5 5H8a5 5 0 0 1-5-5V8a5 5 0 0 1 5-5M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M17 7h.1",
  interactive: "M4 5h16v9H4zM9 14v6l2.5-2 2 3",
  link: "M10 14a4 4 0 0 0 6 .5l3-3a4.2 4.2 0 0 0-6-6l-1.2 1.2M14 10a4 4 0 0 0-6-.5l-3 3a4.2 4.2 0 0 0 6 6l1.2-1.2",
  location: "M12 21s7-6.5 7-11.5a7 7 0 1 0-14 0C5 14.500 12 21 12 21M12 7a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5",
  mail: "M3 6h18v12H3zM3 7l9 7 9-7",
  menu: "M4 6h16M4 12h16M4 18h16",
  messenger: "M12 3c5 0 9 3.600 9 8.200s-4 8.200-9 8.200c-1 0-2-.1-2.900-.4L6 21v-3.300A7.900 7.900 0 0 1 3 11.200C3 6.600 7 3 12 3M7.500 13l3-3 3 2.500 3-2.500",
  moon: "M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500",
  note: "M5 4h14v11l-5 5H5zM14 20v-5h5M8 9h8M8 13h4",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8M4 21c0-4 3.600-6 8-6s8 2 8 6",
  people: "M9 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7M2.500 20c0-3.500 3-5.500 6.500-5.500s6.500 2 6.500 5.500M16 4.500a3.500 3.500 0 0 1 0 6.200M18 14.800c2.200.7 3.500 2.400 3.500 5.200",
  plus: "M12 5v14M5 12h14",
  reopen: "M4 12a8 8 0 1 0 2.500-5.800M4 4v4.500h4.500",
  reply: "M10 6l-6 6 6 6M4 12h10c4 0 6 2 6 6",
  revoked: "M6 6l12 12M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14M16 16l4.500 4.500",
  send: "M4 12l16-8-6 17-3-7z",
  sticker: "M5 4h14v9l-6 7H5zM13 20v-7h6M9 10h.1M15 10h.1",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2.500M12 19.500V22M2 12h2.500M19.500 12H22M5 5l1.700 1.700M17.300 17.300L19 19M5 19l1.700-1.700M17.300 6.700L19 5",
  system: "M12 11v6M12 7.500v.5M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18",
  tag: "M4 4h8l8 8-8 8-8-8zM8.500 8.500h.1",
  template: "M4 4h16v5H4zM4 13h7v7H4zM15 13h5M15 17h5",
  unread: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8",
  unsupported: "M12 4l9 16H3zM12 10v4M12 17v.5",
  video: "M3 6h12v12H3zM15 10l6-3v10l-6-3",
  view: "M4 5h16M4 10h16M4 15h10M4 20h7",
  webchat: "M4 5h16v11h-9l-4 4v-4H4z",
  whatsapp: "M4 20l1.300-4.300a8.300 8.300 0 1 1 3.100 3.100zM9 8.500c0 4 2.500 6.500 6.500 6.500l.5-2-2-1-1 1c-1-.5-2-1.500-2.500-2.500l1-1-1-2z",
};

/** A drawing beside a text that says the same. */
export function icon(name, label) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  if (label) {
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
  } else {
    svg.setAttribute("aria-hidden", "true");
  }
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name] ?? PATHS.info);
  svg.append(path);
  return svg;
}

/** A button with an icon; its label is its name and its tooltip. */
export function iconButton(name, label, onclick, properties) {
  return el("button", { type: "button", class: "icon-button", title: label, "aria-label": label, onclick, ...properties }, icon(name));
}

/** A text on one line of the page, without the characters that reorder what is around them. */
export function plain(text) {
  return String(text ?? "").replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, " ").trim();
}

/** A name or another short text of somebody else's, isolated from the direction around it. */
export function bdi(text, properties) {
  return el("bdi", { dir: "auto", ...properties }, plain(text));
}

/** An address that may be opened, or null. */
export function safeUrl(text) {
  try {
    const url = new URL(String(text));
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

/** A link to what somebody else named; without an address that may be opened, its label alone. */
export function link(address, label, properties) {
  const url = safeUrl(address);
  const shown = label ?? plain(address);
  if (!url) return el("span", properties, shown);
  return el("a", { href: url.href, target: "_blank", rel: "noopener noreferrer", ...properties }, shown);
}

const ADDRESS = /https?:\/\/[^\s<>"'`]+/gi;

/** A text with its addresses as links. */
export function linkified(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = match[0].replace(/[.,;:!?)\]}»”’]+$/u, "");
    if (!safeUrl(address)) continue;
    parts.push(text.slice(end, match.index), link(address, address));
    end = match.index + address.length;
  }
  parts.push(text.slice(end));
  return parts;
}

/** Somebody's text, with its lines, in the direction of each of them. */
export function prose(text, properties) {
  return el("div", { class: "prose", dir: "auto", ...properties }, linkified(String(text)));
}

/** A circle with initials, in one of eight colours. */
export function avatar(name, id) {
  const words = plain(name).split(/\s+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  const initials = letters.map((word) => word.match(/[\p{L}\p{N}]/u)?.[0] ?? "").join("");
  let hash = 7;
  for (const character of String(id ?? name)) hash = (hash * 31 + character.codePointAt(0)) >>> 0;
  return el("span", { class: `avatar avatar-${hash % 8}`, "aria-hidden": "true" }, initials.toUpperCase() || "?");
}

/** Says something to screen readers. */
export function announce(text) {
  const region = document.getElementById("live-region");
  region.textContent = "";
  // Two equal texts are two announcements.
  setTimeout(() => { region.textContent = text; }, 30);
}
