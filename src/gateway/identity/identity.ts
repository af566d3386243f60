/** A verified subject. Everything in it comes from a token that its provider signed or confirmed. */
export interface Identity {
  /** Issuer and subject, joined with `|`: what is unique and never changes. */
  readonly id: string;
  readonly subject: string;
  readonly issuer: string;
  /** Name of the provider in the configuration. */
  readonly provider: string;
  readonly kind: 'human' | 'machine';
  /** For display; not unique. */
  readonly name: string;
  /** Of humans only, and only when the provider does not say that it is unverified. */
  readonly email?: string;
  readonly groups: readonly string[];
  readonly tokenExpiresAtMs: number;
}

/** Claims of a token, after its signature or its provider's answer was checked. */
export type Claims = Readonly<Record<string, unknown>>;
