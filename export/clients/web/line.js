// A line of a table: a heading and cells.

/** Return the line. */
export function line(name, values) {
  const row = document.createElement("tr");
  const heading = Object.assign(document.createElement("th"), { textContent: name, scope: "row" });
  row.append(heading);
  for (const value of values) row.insertCell().textContent = value;
  return row;
}
