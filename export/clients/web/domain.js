// Checks an input against its domain, as the manifest describes it.

/**
 * Throw unless numbers are in the domain. The sentence is that of the Python clients.
 *
 * @param {ArrayLike<number>} values Rows of events, flat.
 * @param {object} domain That of an input in `model.inputs` of the manifest. Where it has `missing`,
 *     NaN stands for a missing number.
 * @param {number} width Length of the last axis of an event.
 * @param {string} name What the error calls the input.
 */
export function checkDomain(values, domain, width, name) {
  if (!domain.columns.length) {
    checkPart(values, domain, domain.one_hot ? width : 1, name, domain.missing);
    return;
  }
  let start = 0;
  domain.columns.forEach((column, index) => {
    const span = column.one_hot ? (column.categories ?? 1) : 1;
    const part = Array.from(values).filter(
      (_, place) => place % width >= start && place % width < start + span,
    );
    checkPart(part, column, span, `${name}, column ${index} (${column.name}),`, domain.missing);
    start += span;
  });
}

function checkPart(values, { text, low, high, integer, one_hot: oneHot, hint }, span, name, missing) {
  let [least, greatest, whole] = [Infinity, -Infinity, true];
  for (const value of values) {
    if (missing && Number.isNaN(value)) continue;
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
    whole &&= Number.isInteger(value);
  }
  whole ||= !integer;
  let single = true;
  for (let row = 0; oneHot && row < values.length; row += span) {
    const vector = Array.from(values.slice(row, row + span));
    // Of a one-hot vector all elements are missing, or none is.
    const unknown = missing && vector.every(Number.isNaN);
    single &&= unknown || vector.reduce((sum, value) => sum + value) === 1;
  }
  const inside = (low === null || least >= low) && (high === null || greatest <= high);
  if (inside && whole && single) return;
  const remark = !single ? ", not one-hot" : whole ? "" : ", not all whole";
  const found = `values in [${short(least)}, ${short(greatest)}]${remark}`;
  throw new Error(`Expected ${name} to hold ${text}. Received: ${found}. ${hint}`.trimEnd());
}

/** Return a number with six digits, as Python's "g" format writes it. */
function short(value) {
  if (value === 0) return "0";
  const exponent = Math.floor(Math.log10(Math.abs(Number(value.toPrecision(6)))));
  if (exponent < -4 || exponent >= 6) {
    const [digits, power] = value.toExponential(5).split("e");
    const sign = power.startsWith("-") ? "-" : "+";
    return `${Number(digits)}e${sign}${power.slice(1).padStart(2, "0")}`;
  }
  return String(Number(value.toPrecision(6)));
}
