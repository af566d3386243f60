import type { GwError } from '../../core/errors.ts';
import type { Identity } from '../identity/identity.ts';
import type { Opening } from '../session/types.ts';

/** Who may come in, as the listener needs to know it. */
export interface Credentials {
  /** @throws GwError `wrong_credential`, `expired` */
  sessionGrant(token: string): Promise<Grant> | Grant;
  /** An identity provider's token, for OAUTHBEARER. @throws GwError `not_signed_in`, … */
  accessToken(token: string): Promise<Identity>;
  /** Checks that `identity` may connect to `target` and gives it a grant. @throws GwError `denied`, `unknown_target` */
  grantFor(identity: Identity, target: string, remoteAddress: string): Promise<Grant>;
  /** For RFC 7628's error answer: where a client without token signs in. */
  readonly oauth: { readonly configurationUrl: string; readonly scope: string } | undefined;
}

export interface Grant {
  readonly id: string;
  readonly identity: Identity;
  readonly target: string;
  readonly endsAtMs: number;
}

/** Where openings and cancels go. */
export interface Sessions {
  open(opening: Opening): void;
  /** Resolves when the cancel has reached the database, or at once when the key is nobody's. */
  cancel(processId: number, secret: Buffer): Promise<void>;
}

export interface EntranceLog {
  refused(error: GwError, remoteAddress: string, via: 'tunnel' | 'native'): void;
}
