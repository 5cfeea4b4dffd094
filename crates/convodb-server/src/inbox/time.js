// Times, as people read them.

const format = (options) => new Intl.DateTimeFormat(undefined, options);
const CLOCK = format({ hour: "numeric", minute: "2-digit" });
const WEEKDAY = format({ weekday: "short" });
const DATE = format({ day: "numeric", month: "short" });
const YEAR = format({ day: "numeric", month: "short", year: "numeric" });
const DAY = format({ weekday: "long", day: "numeric", month: "long" });
const FULL = format({ dateStyle: "full", timeStyle: "medium" });

const dayOf = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
const daysAgo = (date) => Math.round((dayOf(new Date()) - dayOf(date)) / 86_400_000);

export const clock = (time) => CLOCK.format(new Date(time));
export const full = (time) => FULL.format(new Date(time));

/** For a row of a list. */
export function short(time) {
  const date = new Date(time);
  const days = daysAgo(date);
  if (days === 0) return CLOCK.format(date);
  if (days === 1) return "Yesterday";
  if (days > 1 && days < 7) return WEEKDAY.format(date);
  return (date.getFullYear() === new Date().getFullYear() ? DATE : YEAR).format(date);
}

/** For the line between two days. */
export function day(time) {
  const date = new Date(time);
  const days = daysAgo(date);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return date.getFullYear() === new Date().getFullYear() ? DAY.format(date) : `${DAY.format(date)} ${date.getFullYear()}`;
}

export const dayKey = (time) => dayOf(new Date(time)).getTime();

export const moment = (time) => `${short(time)}${daysAgo(new Date(time)) === 0 ? "" : `, ${clock(time)}`}`;

/** How long something has lasted. */
export function since(time) {
  const minutes = Math.max(0, Math.floor((Date.now() - new Date(time)) / 60_000));
  if (minutes < 1) return "less than a minute";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h`;
  return `${Math.floor(hours / 24)} days`;
}

export function duration(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

export function bytes(size) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let value = size;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
