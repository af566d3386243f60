import { formatDuration } from '../../core/units.ts';

/** `in 58m`, `3h 2m ago`, `now`. */
export function relativeTime(atMs: number, nowMs: number): string {
  const distance = atMs - nowMs;
  if (Math.abs(distance) < 1_000) return 'now';
  return distance > 0 ? `in ${formatDuration(distance)}` : `${formatDuration(-distance)} ago`;
}

/** `2026-11-20 13:35` in the local time zone, with seconds left out. */
export function localTime(atMs: number): string {
  const date = new Date(atMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** `2026-11-20 14:35 (in 58m)`. */
export function momentText(atMs: number, nowMs: number): string {
  return `${localTime(atMs)} (${relativeTime(atMs, nowMs)})`;
}
