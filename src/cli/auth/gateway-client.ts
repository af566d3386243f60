import type { Discovery, SessionGrant, Status, Target, Whoami } from '../../contract/api.ts';

/** A gateway as the signed-in caller meets it. Texts in the answers are free of control characters. */
export interface GatewayClient {
  /** The gateway's base URL: scheme, host and port; the path is `/`. */
  readonly url: URL;
  /** How to trust it. `ca` is the whole set of roots as PEM; undefined for those of Node. */
  readonly tls: { readonly ca?: string };
  /** The name of the profile, or the host where there is no profile. */
  readonly name: string;
  discovery(): Promise<Discovery>;
  whoami(): Promise<Whoami>;
  targets(): Promise<Target[]>;
  status(): Promise<Status>;
  /** Asks for a session grant. Fetches or renews the token as needed; never asks a person. */
  sessionGrant(target: string): Promise<SessionGrant>;
  /** Releases idle connections, so that the process can end at once. */
  close(): Promise<void>;
}
