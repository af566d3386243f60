import type { Discovery, SessionGrant, Status, Target, Whoami } from '../../contract/api.ts';
import type { Credential, TokenSource } from './credential.ts';
import type { Http } from './http.ts';

/** A gateway as the signed-in caller meets it. Texts in the answers are free of control characters. */
export interface GatewayClient {
  /** The gateway's base URL: scheme, host and port; the path is `/`. */
  readonly url: URL;
  /**
   * How to trust it. `ca` is the whole set of roots as PEM; undefined for those of Node. May change with
   * the first request, when the roots of the system are needed: read it after one.
   */
  readonly tls: { readonly ca?: string };
  /** The name of the profile, or the host where there is no profile. */
  readonly name: string;
  discovery(): Promise<Discovery>;
  whoami(): Promise<Whoami>;
  targets(): Promise<Target[]>;
  status(): Promise<Status>;
  /** Asks for a session grant. Fetches or renews the token as needed; never asks a person. */
  sessionGrant(target: string): Promise<SessionGrant>;
  /** What the gateway is shown: valid now, and where it comes from. */
  credential(): Promise<Credential & Pick<TokenSource, 'describe' | 'kind'>>;
  /** For checks of what lies below. */
  readonly http: Http;
  /** Releases idle connections, so that the process can end at once. */
  close(): Promise<void>;
}
