// Draws a series as lines, a lane for each channel with a scale of its own.

import { plain } from "./number.js";

const NS = "http://www.w3.org/2000/svg";
const HEIGHT = 100; // of a lane, in its own units
const MOST_LANES = 8;

export class Series {
  #lines = [];
  #ends = [];
  #figure = document.createElement("div");
  #kind;

  /**
   * @param {Element} place Where the lanes go.
   * @param {{grid: number[], channels: string[], named: boolean, scale: Scale}} kind
   * @param {string} label What screen readers call it.
   * @param {boolean} small Without numbers beside the lanes.
   */
  constructor(place, kind, label, small = false) {
    this.#kind = kind;
    Object.assign(this.#figure, { className: small ? "lanes small" : "lanes", role: "img" });
    this.#figure.ariaLabel = label;
    const lanes = Math.min(kind.grid[1], MOST_LANES);
    for (let channel = 0; channel < lanes; channel++) this.#addLane(channel, small);
    place.replaceChildren(this.#figure);
  }

  set label(text) {
    this.#figure.ariaLabel = text;
  }

  #addLane(channel, small) {
    const lane = document.createElement("div");
    lane.className = `lane channel-${channel}`;
    const svg = document.createElementNS(NS, "svg");
    svg.setAttribute("viewBox", `0 -4 ${Math.max(this.#kind.grid[0] - 1, 1)} ${HEIGHT + 8}`);
    svg.setAttribute("preserveAspectRatio", "none");
    const [ghost, line] = ["ghost", "line"].map((name) => {
      const path = document.createElementNS(NS, "path");
      path.setAttribute("class", name);
      path.setAttribute("vector-effect", "non-scaling-stroke");
      svg.append(path);
      return path;
    });
    lane.append(svg);
    if (!small) {
      const ends = document.createElement("div");
      ends.className = "ends";
      ends.append(...["high", "name", "low"].map(() => document.createElement("span")));
      const { channels, named } = this.#kind;
      ends.children[1].textContent = named || channels.length > 1 ? channels[channel] : "";
      lane.prepend(ends);
      this.#ends.push(ends);
    }
    this.#lines.push({ ghost, line });
    this.#figure.append(lane);
  }

  /**
   * Draw an example, given flat.
   *
   * @param {ArrayLike<number>} values
   * @param {?ArrayLike<number>} ghost Another one behind it.
   */
  paint(values, ghost = null) {
    this.#lines.forEach(({ ghost: behind, line }, channel) => {
      line.setAttribute("d", this.#path(values, channel));
      behind.setAttribute("d", ghost ? this.#path(ghost, channel) : "");
      const [low, high] = this.#kind.scale.ends(channel);
      const ends = this.#ends[channel];
      if (ends)
        [ends.firstChild.textContent, ends.lastChild.textContent] = [plain(high, 4), plain(low, 4)];
    });
  }

  #path(values, channel) {
    const [samples, channels] = this.#kind.grid;
    const parts = [];
    let pen = "M"; // lifted over what is missing
    for (let sample = 0; sample < samples; sample++) {
      const value = values[sample * channels + channel];
      if (Number.isNaN(value)) {
        pen = "M";
        continue;
      }
      const height = HEIGHT * (1 - this.#kind.scale.share(value, channel));
      parts.push(`${pen}${sample} ${Number(height.toFixed(3))}`);
      pen = "L";
    }
    return parts.join("");
  }
}
