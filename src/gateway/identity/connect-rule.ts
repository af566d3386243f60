import type { ConnectConfig, NamedIdentity } from '../config/types.ts';
import type { Identity } from './identity.ts';

/** Why an identity may connect (`group engineers`, `identity alice@example.com`), or undefined: it may not. */
export function whyMayConnect(identity: Identity, connect: ConnectConfig): string | undefined {
  const group = connect.groups.find((name) => identity.groups.includes(name));
  if (group !== undefined) return `group ${group}`;
  const named = connect.identities.find((entry) => isNamed(identity, entry));
  if (named === undefined) return undefined;
  return `identity ${named.provider === undefined ? '' : `${named.provider}/`}${named.name}`;
}

/** E-mail addresses are compared without regard to case; subjects exactly, and only at a named provider. */
function isNamed(identity: Identity, { provider, name }: NamedIdentity): boolean {
  const byEmail = identity.kind === 'human' && identity.email?.toLowerCase() === name.toLowerCase();
  if (provider === undefined) return byEmail;
  return identity.provider === provider && (byEmail || identity.subject === name);
}
