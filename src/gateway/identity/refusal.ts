import { GwError } from '../../core/errors.ts';

/** Why a token was refused: the closed list, with the message each one shows. docs/identity-providers.md explains them. */
export const REFUSALS = {
  missing: 'No token was given.',
  malformed: 'The token cannot be read.',
  algorithm: 'The token is signed in a way that is not accepted.',
  wrong_type: 'The token is of the wrong type.',
  wrong_issuer: 'The token is from an issuer that is not accepted.',
  unknown_key: 'The token is signed with a key that its issuer does not publish.',
  bad_signature: "The token's signature is wrong.",
  wrong_audience: 'The token was made for another service.',
  expired: 'The token has expired.',
  not_yet_valid: 'The token is not valid yet.',
  sender_constrained: 'The token is bound to a key of the client.',
  inactive: 'The token is not active.',
  no_match: 'The token matches no rule of its identity provider.',
  groups_overage: 'The token does not hold the groups.',
  too_many_groups: 'The token holds too many groups.',
} as const;

export type RefusalReason = keyof typeof REFUSALS;

/** `not_signed_in` with a reason that can be counted and tested. */
export class TokenRefused extends GwError {
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason, detail: string, hint?: string, cause?: unknown) {
    super('not_signed_in', REFUSALS[reason], { detail, hint: hint ?? HINTS[reason], cause });
    this.reason = reason;
  }
}

const HINTS: Partial<Record<RefusalReason, string>> = {
  missing: 'Sign in with: gw login',
  expired: 'Sign in again with: gw login',
  inactive: 'Sign in again with: gw login',
  not_yet_valid: 'Compare the clocks of this machine and the gateway with: gw doctor',
};

/**
 * What a token says, for an error text: quoted, printable ASCII, short. It is somebody else's text and
 * may end up on a terminal.
 */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = (JSON.stringify(value) ?? 'nothing').replace(/[^\x20-\x7e]/g, '?');
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

/** A NumericDate claim as a time; the number itself when it is no date. */
export function shownTime(seconds: number): string {
  const date = new Date(seconds * 1_000);
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString();
}
