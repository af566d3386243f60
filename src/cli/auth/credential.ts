import type { Secret } from '../../core/secret.ts';

/** What the gateway is shown, and where it comes from. */
export interface Credential {
  readonly token: Secret;
  /** By this machine's clock; undefined when nobody can tell. */
  readonly expiresAtMs: number | undefined;
}

/** One way to have a credential. */
export interface TokenSource {
  /** For `gw whoami`: `profile gw.example.com`, `GW_TOKEN_FILE (/run/token)`, `GitHub Actions`. */
  readonly describe: string;
  /** A person's sign-in, or a machine's own credential. */
  readonly kind: 'profile' | 'machine';
  /**
   * A token that is valid now; fetched or renewed as needed, never by asking a person.
   * @param rejected the one the gateway did not take: that very one is not given again
   */
  credential(rejected?: Secret): Promise<Credential>;
}
