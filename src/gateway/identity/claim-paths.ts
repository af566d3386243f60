import type { Claims } from './identity.ts';

/** A claim's name or dotted path as in the configuration, or the path as a list. */
export type ClaimPath = string | readonly string[];

/**
 * The value of a claim. A dotted name is tried as it stands first, then as a path, the longest existing
 * name first, because names may hold dots themselves (`kubernetes.io.namespace`).
 */
export function claimAt(claims: Claims, path: ClaimPath): unknown {
  if (typeof path !== 'string') return path.reduce<unknown>((value, part) => own(value, part), claims);
  return dotted(claims, path);
}

function dotted(value: unknown, path: string): unknown {
  const whole = own(value, path);
  if (whole !== undefined) return whole;
  for (let dot = path.lastIndexOf('.'); dot > 0; dot = path.lastIndexOf('.', dot - 1)) {
    const inner = own(value, path.slice(0, dot));
    if (inner === undefined) continue;
    const found = dotted(inner, path.slice(dot + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

function own(value: unknown, key: string): unknown {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject && Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
}

export function pathName(path: ClaimPath): string {
  return typeof path === 'string' ? path : path.join('.');
}
