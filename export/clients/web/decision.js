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
