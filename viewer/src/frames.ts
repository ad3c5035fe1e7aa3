/** Drawing in frames that stay short, so that the page goes on answering. */

/** Milliseconds of a frame for drawing: what is left comes in the next one. */
const FRAME_MS = 12;
const waiting: (() => void)[] = [];
let asked = false;

/** In the next frame, or the one after; first come, first drawn. */
export function drawSoon(draw: () => void): void {
  waiting.push(draw);
  askForFrame();
}

function askForFrame(): void {
  if (asked) return;
  asked = true;
  requestAnimationFrame(drawSome);
}

function drawSome(): void {
  asked = false;
  const began = performance.now();
  try {
    do waiting.shift()?.();
    while (waiting.length > 0 && performance.now() - began < FRAME_MS);
  } finally {
    if (waiting.length > 0) askForFrame();
  }
}
