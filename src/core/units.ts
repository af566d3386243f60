import { GwError } from './errors.ts';

const DURATION_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const BYTES: Record<string, number> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/** Reads `90s`, `30m`, `1h30m`, `500ms`. Returns milliseconds; throws `usage` on anything else. */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+)(ms|s|m|h|d)/g)];
  const total = parts.reduce((sum, [, count, unit]) => sum + Number(count) * DURATION_MS[unit!]!, 0);
  if (parts.length === 0 || parts.map(([all]) => all).join('') !== text || !Number.isSafeInteger(total)) {
    throw new GwError('usage', `"${text}" is not a duration.`, { hint: 'Write it as 90s, 30m or 1h30m.' });
  }
  return total;
}

/** Writes milliseconds as the two largest units: `1h 30m`, `45s`, `0s`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return ms <= 0 ? '0s' : `${Math.round(ms)}ms`;
  const parts: string[] = [];
  let rest = Math.round(ms / 1_000) * 1_000;
  for (const unit of ['d', 'h', 'm', 's']) {
    const size = DURATION_MS[unit]!;
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count}${unit}`);
    if (parts.length === 2) break;
  }
  return parts.join(' ');
}

/** Reads `64MiB`, `1GB`, `4096`. Returns bytes; throws `usage` on anything else. */
export function parseBytes(text: string): number {
  const match = /^(\d+)(B|KB|MB|GB|KiB|MiB|GiB)?$/.exec(text);
  const total = match ? Number(match[1]) * BYTES[match[2] ?? 'B']! : Number.NaN;
  if (!Number.isSafeInteger(total)) {
    throw new GwError('usage', `"${text}" is not a size.`, { hint: 'Write it as 4096, 64MiB or 1GB.' });
  }
  return total;
}
