// A histogram of the scores of normal examples, with the limits and the score that is judged.

import { plain } from "./number.js";

const NS = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, BINS] = [400, 96, 32];
const EDGE = 8; // left and right, for the arrow

/** Return a drawing of a score among those of a `calibration`. */
export function distribution(score, { scores, low, high }) {
  const limits = [low, high].filter((limit) => limit !== null);
  // Neither an outlier nor the score may press all others together: what is farther away than the
  // width of the others stands at the edge.
  const middle = scores.slice(0, Math.max(2, Math.ceil(0.995 * scores.length)));
  const ends = [Math.min(middle[0], ...limits), Math.max(middle.at(-1), ...limits)];
  const room = Math.max(ends[1] - ends[0], 1e-9);
  const least = Math.max(Math.min(ends[0], score), ends[0] - room);
  const most = Math.min(Math.max(ends[1], score), ends[1] + room);
  const share = (value) => (Math.min(Math.max(value, least), most) - least) / (most - least);
  const x = (value) => EDGE + (WIDTH - 2 * EDGE) * share(value);
  const counts = new Array(BINS).fill(0);
  for (const each of scores) counts[Math.min(BINS - 1, Math.floor(BINS * share(each)))]++;
  const drawing = part("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT + 20}`,
    role: "img",
    class: "distribution",
  });
  drawing.ariaLabel =
    `Scores of ${scores.length} normal examples from ${plain(scores[0])} to ${plain(scores.at(-1))}; ` +
    `threshold ${limits.map((limit) => plain(limit)).join(" and ")}; this one ${plain(score)}`;
  const bin = (WIDTH - 2 * EDGE) / BINS;
  counts.forEach((count, index) => {
    const height = (HEIGHT * 0.85 * count) / Math.max(...counts);
    drawing.append(
      part("rect", {
        class: "bin",
        x: EDGE + index * bin,
        y: HEIGHT - height,
        width: bin - 1,
        height,
      }),
    );
  });
  drawing.append(part("line", { class: "base", x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }));
  for (const limit of limits) {
    drawing.append(part("line", { class: "limit", x1: x(limit), x2: x(limit), y1: 4, y2: HEIGHT }));
    drawing.append(label(x(limit), HEIGHT + 15, `threshold ${plain(limit, 4)}`, "limit-label"));
  }
  const at = x(score);
  drawing.append(part("path", { class: "score", d: `M${at} ${HEIGHT}l-6 -11h12z` }));
  drawing.append(part("line", { class: "score", x1: at, x2: at, y1: 16, y2: HEIGHT - 10 }));
  const beyond = score > most ? " →" : "";
  const before = score < least ? "← " : "";
  drawing.append(label(at, 11, `${before}${plain(score, 4)}${beyond}`, "score-label"));
  return drawing;
}

function label(x, y, text, name) {
  const anchor = x < WIDTH * 0.2 ? "start" : x > WIDTH * 0.8 ? "end" : "middle";
  const found = part("text", { class: name, x, y, "text-anchor": anchor });
  found.textContent = text;
  return found;
}

function part(tag, attributes) {
  const found = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) found.setAttribute(name, value);
  return found;
}
