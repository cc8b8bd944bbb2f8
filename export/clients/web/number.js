// Numbers as text.

/** Return a number with six digits, as Python's "g" format writes it: "nan", "inf" and "-inf" too. */
export function short(value) {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return "0";
  const exponent = Math.floor(Math.log10(Math.abs(Number(value.toPrecision(6)))));
  if (exponent < -4 || exponent >= 6) {
    const [digits, power] = value.toExponential(5).split("e");
    const sign = power.startsWith("-") ? "-" : "+";
    return `${Number(digits)}e${sign}${power.slice(1).padStart(2, "0")}`;
  }
  return String(Number(value.toPrecision(6)));
}

/** Return a number for people: few digits, a true minus sign. */
export function plain(value, digits = 3) {
  if (Number.isNaN(value)) return "missing";
  return short(Number(value.toPrecision(digits))).replace("-", "−");
}

/** Return a size in bytes for people. */
export function bytes(size) {
  return size < 1e6 ? `${Math.round(size / 1e3)} kB` : `${(size / 1e6).toFixed(1)} MB`;
}

/** Return the float32 number as the shortest text that is read back as the same one. */
export function exact(value) {
  const single = Math.fround(value);
  for (let digits = 1; digits < 9; digits++) {
    const text = Number(single.toPrecision(digits));
    if (Math.fround(text) === single) return String(text);
  }
  return String(Number(single.toPrecision(9)));
}
