// Points on the straight line and on the arc from a to b: kvae/models/paths.py, which says why.

const EPSILON = 1e-7; // keeps the length of a zero vector finite
const SHORTEST = 1e-6;
const PARALLEL = 1e-4; // radians: the limit of the arc is the line
const OPPOSITE = 0.05; // radians short of a half turn

/** Return (1 - t) a + t b. */
export function linear(a, b, t) {
  return Array.from(a, (value, index) => (1 - t) * value + t * b[index]);
}

/** Return the point that the signature `interpolate_spherical` decodes at share `t` of the way. */
export function spherical(a, b, t) {
  const [lengthA, lengthB] = [lengthOf(a), lengthOf(b)];
  const [unitA, unitB] = [a, b].map((each, end) =>
    Array.from(each, (value) => value / [lengthA, lengthB][end]),
  );
  const apart = lengthOf(unitA.map((value, index) => value - unitB[index]));
  const sum = lengthOf(unitA.map((value, index) => value + unitB[index]));
  const angle = 2 * Math.atan2(apart, sum);
  const oneDirection = angle < PARALLEL || angle > Math.PI - OPPOSITE;
  if (oneDirection || Math.min(lengthA, lengthB) < SHORTEST) return linear(a, b, t);
  const turn = ((1 - t) * lengthA + t * lengthB) / Math.sin(angle);
  const [shareA, shareB] = [Math.sin((1 - t) * angle), Math.sin(t * angle)];
  return unitA.map((value, index) => turn * (shareA * value + shareB * unitB[index]));
}

function lengthOf(vector) {
  return Math.sqrt(vector.reduce((total, value) => total + value * value, EPSILON ** 2));
}
