import type { NamedIdentity } from './types.ts';

/** Reads `alice@example.com` or `<provider>/<e-mail or subject>`; a subject may hold slashes itself. */
export function readNamedIdentity(text: string): NamedIdentity {
  const slash = text.indexOf('/');
  if (slash < 0) return { provider: undefined, name: text };
  return { provider: text.slice(0, slash), name: text.slice(slash + 1) };
}
