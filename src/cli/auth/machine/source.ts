import type { Discovery } from '../../../contract/api.ts';
import type { Clock } from '../../../core/clock.ts';
import type { TokenSource } from '../credential.ts';
import type { Http } from '../http.ts';

/** What a machine's way to a token may use. */
export interface MachineSetting {
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly http: Http;
  /** Asked of the gateway once, when needed: it knows which audience a token must be for. */
  discovery(): Promise<Discovery>;
}

/** One way for a job without a person to have a token. */
export interface MachineSource {
  /** @returns the source where its variables or files are there; undefined otherwise */
  detect(setting: MachineSetting): TokenSource | undefined | Promise<TokenSource | undefined>;
}
