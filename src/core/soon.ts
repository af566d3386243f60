/**
 * Runs `turn` soon. With one stream, what it has goes out as soon as the current callback is done; with several,
 * what all of them have in this turn of the event loop goes out in one write.
 */
export function soon(turn: () => void, activeStreams: number): void {
  if (activeStreams > 1) setImmediate(turn);
  else process.nextTick(turn);
}
