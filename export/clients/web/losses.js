// Draws the losses of the steps of a training.

import { cleared } from "./canvas.js";
import { plain } from "./number.js";

const EDGE = 6; // pixels around the line

/**
 * Draw losses as a line; those that are not finite are left out. Fewer than two are not drawn.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {number[]} losses
 */
export function drawLosses(canvas, losses) {
  canvas.hidden = losses.length < 2;
  if (canvas.hidden || !canvas.clientWidth) return;
  const { context, width, height, colour } = cleared(canvas);
  const finite = losses.filter(Number.isFinite);
  const ends = [Math.min, Math.max].map((of) => finite.reduce((a, b) => of(a, b), finite[0]));
  const span = Math.max(ends[1] - ends[0], 1e-9);
  const steps = Math.max(losses.length - 1, 1);
  context.strokeStyle = colour("accent");
  context.lineWidth = 1.5;
  context.beginPath();
  losses.forEach((loss, step) => {
    if (!Number.isFinite(loss)) return;
    const x = EDGE + ((width - 2 * EDGE) * step) / steps;
    context.lineTo(x, height - EDGE - ((height - 2 * EDGE) * (loss - ends[0])) / span);
  });
  context.stroke();
  canvas.ariaLabel = `Losses of ${losses.length} steps, from ${plain(losses[0], 4)} to ${plain(losses.at(-1), 4)} nats`;
}
