/** Calls `frame` with 0, 1, 2 … at a steady rate; a late timer makes up for what it missed. */
export function everyFrame(fps: number, frame: (number: number) => void): NodeJS.Timeout {
  const start = performance.now();
  let next = 0;
  return setInterval(() => {
    const due = Math.floor(((performance.now() - start) * fps) / 1000);
    while (next <= due) frame(next++);
  }, 1000 / fps);
}
