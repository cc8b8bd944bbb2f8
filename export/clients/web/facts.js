// What a training has brought, in figures.

import { plain } from "./number.js";

/**
 * Return lines of a table: a name, the figure before the training and the one after it.
 *
 * @param {number[]} before Scores of examples that were not learned.
 * @param {number[]} after The same examples.
 * @param {number} guard By how much the examples of the bundle score worse, in nats.
 * @param {Model} model
 * @param {string} noun What an example is called.
 * @returns {string[][]}
 */
export function factsOf(before, after, guard, model, noun) {
  const mean = (scores) => scores.reduce((sum, score) => sum + score, 0) / scores.length;
  const unusual = (scores) => {
    const count = scores.filter((score) => model.decide(score).is_anomaly).length;
    return `${plain((100 * count) / scores.length)}%`;
  };
  const facts = [
    model.calibration && [
      `Unusual, of ${after.length} ${noun}s that were not learned`,
      unusual(before),
      unusual(after),
    ],
    ["Their mean score, nats", plain(mean(before), 4), plain(mean(after), 4)],
    [
      `Mean score of the bundle's examples, nats`,
      "",
      `${plain(Math.abs(guard))} ${guard < 0 ? "better" : "worse"}`,
    ],
  ];
  return facts.filter(Boolean);
}
