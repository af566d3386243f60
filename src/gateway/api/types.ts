import type { Discovery, SessionGrant, Status, Target } from '../../contract/api.ts';
import type { GwError } from '../../core/errors.ts';
import type { Identity } from '../identity/identity.ts';

/** A request as any transport hands it over. */
export interface ApiRequest {
  readonly method: string;
  /** As in the request line; a query is ignored. */
  readonly path: string;
  /** Lower-case names; every value that came, as a header may come twice. */
  readonly headers: Readonly<Record<string, readonly string[] | undefined>>;
  readonly body: Buffer;
  readonly remoteAddress: string;
}

export interface ApiResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly message?: string }>>;
}

/** What the API needs of the gateway. Errors that are not GwError are bugs, and are answered as such. */
export interface ApiDeps {
  /** What anyone may know. */
  discovery(): Discovery;
  /** @throws GwError `not_signed_in` or `identity_provider_unreachable` */
  authenticate(token: string): Promise<Identity>;
  targetsFor(identity: Identity): readonly Target[];
  /**
   * Issues a session grant, and has it durably in the journal before it resolves.
   * @throws GwError `unknown_target`, `denied`, `journal_unavailable`
   */
  issueSessionGrant(identity: Identity, target: string, remoteAddress: string): Promise<SessionGrant>;
  /** The gateway, and the sessions of the caller. */
  status(identity: Identity): Status;
  readiness(): Readiness | Promise<Readiness>;
  /** A credential was presented and refused. */
  refused(error: GwError, remoteAddress: string, route: string): void;
  /** A request failed through no fault of the caller. */
  failed?(error: GwError, route: string): void;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** A call whose caller is known and allowed to go on. */
export interface Call {
  readonly request: ApiRequest;
  readonly identity: Identity;
}
