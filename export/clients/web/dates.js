// Dates of ISO 8601 as text.

const DATE = /^\d{4}-\d{2}-\d{2}([ T].*)?$/; // as kvae train reads them: 1/2/2024 is no date
// A day, or a time with perhaps minutes, seconds and an offset: what pandas reads as ISO 8601. An hour alone
// has two digits, and beside minutes each part has one or two.
const TIME =
  /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d|\d(?=:))(?::(\d\d?)(?::(\d\d?(?:\.\d+)?))?)?\s*([zZ]|[+-]\d\d(?::?\d\d)?)?)?$/;
const OFFSET = /^(?:UTC|GMT)?([+-])(\d\d):?(\d\d)/; // of a zone from UTC

/** Return whether a text has the form of a date, perhaps with a time. */
export function isDate(text) {
  return DATE.test(text.trim());
}

/** Return whether a time says its offset from UTC. */
export function hasZone(text) {
  return TIME.exec(text)?.[5] !== undefined;
}

/**
 * Return the milliseconds of a date since 1970, of UTC where it names no zone; NaN of a text that is none,
 * or whose day is none of its month: `Date.parse` guesses what these mean, in the zone of the browser.
 */
export function timeOf(text) {
  const [, day, hour, minute = "00", second = "00", zone = "Z"] = TIME.exec(text) ?? [];
  const midnight = Date.parse(day); // of UTC; NaN where there is no day
  if (Number.isNaN(midnight) || hour > 23) return NaN;
  if (new Date(midnight).toISOString().slice(0, day.length) !== day) return NaN; // 2024-02-30 is March 1
  if (hour === undefined) return midnight;
  const minutes = zone.length > "+01".length ? zone.slice(-2) : "00";
  const offset = /z/i.test(zone) ? "Z" : `${zone.slice(0, 3)}:${minutes}`;
  const [h, m, s] = [hour, minute, second].map((part) => part.replace(/^\d(?!\d)/, "0$&"));
  return Date.parse(`${day}T${h}:${m}:${s}${offset}`);
}

/** Return milliseconds since 1970 as a time of a zone with its offset from UTC. */
export function zoned(time, zone) {
  const offset = offsetOf(time, zone);
  const [sign, minutes] = [offset < 0 ? "-" : "+", Math.abs(offset)];
  const two = (number) => String(number).padStart(2, "0");
  const local = new Date(time + offset * 60e3).toISOString().slice(0, 19);
  return `${local}${sign}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** Return by how many minutes a zone is ahead of UTC: 0 where the browser does not know it. */
function offsetOf(time, zone) {
  let text = zone;
  if (!OFFSET.test(zone)) {
    try {
      const format = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" });
      text = format.formatToParts(time).find(({ type }) => type === "timeZoneName").value;
    } catch {
      return 0;
    }
  }
  const [, sign, hours, minutes] = OFFSET.exec(text) ?? ["", "+", 0, 0]; // "GMT" of UTC itself
  return (sign === "-" ? -1 : 1) * (60 * Number(hours) + Number(minutes));
}
