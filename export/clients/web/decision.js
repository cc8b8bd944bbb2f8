/**
 * From an anomaly score to a p-value and a decision, by the `calibration` that a manifest holds for
 * a preset: the formulas of `p_values` and `detect` in export/runtime.py.
 */

/**
 * Return `p_value` and `is_anomaly` of a score.
 *
 * @param {number} score What the file of the preset returns, a float32 number.
 * @param {{scores: number[], two_sided: boolean, low: ?number, high: number}} calibration
 */
export function decide(score, calibration) {
  const { scores, two_sided: twoSided, low, high } = calibration;
  const share = (kept) => (1 + scores.filter(kept).length) / (scores.length + 1);
  let p = share((each) => each >= score);
  if (twoSided)
    p = Math.min(
      1,
      2 *
        Math.min(
          p,
          share((each) => each <= score),
        ),
    );
  return { p_value: p, is_anomaly: score > high || (low !== null && score < low) };
}

/** Return how many scores a threshold for a rate of false alarms needs. */
export function leastOf(rate, twoSided) {
  return Math.max(1, Math.ceil((twoSided ? 2 : 1) / rate - 1e-9) - 1);
}

/**
 * Return the threshold of normal scores, in the form of the manifest's `calibration`: `limits` of
 * export/runtime.py.
 *
 * @param {number[]} scores Sorted, at least `leastOf` of them.
 * @param {number} rate Wanted share of false alarms, in (0, 1).
 * @param {boolean} twoSided Whether a score that is too low is unusual too.
 */
export function calibrationOf(scores, rate, twoSided) {
  const share = twoSided ? rate / 2 : rate;
  const place = Math.floor(share * (scores.length + 1) + 1e-9);
  const k = Math.min(scores.length, Math.max(1, place));
  return {
    scores,
    two_sided: twoSided,
    false_alarm_rate: rate,
    low: twoSided ? scores[k - 1] : null,
    high: scores[scores.length - k],
  };
}
