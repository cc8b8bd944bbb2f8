// Pauses of long work, in which the page is served: calls of WebAssembly alone leave it no turn.

const WORK = 25; // milliseconds from one pause to the next

/** Return a function to await between two parts of the work; it pauses where that is due. */
export function pauses() {
  let paused = performance.now();
  return async () => {
    if (performance.now() - paused < WORK) return;
    await new Promise((resolve) => setTimeout(resolve));
    paused = performance.now();
  };
}
