/** What a command is handed. Everything that reaches outside the process goes through here, so tests hand in their own. */
import type { Clock } from '../core/clock.ts';
import type { GatewayClient } from './auth/gateway-client.ts';
import type { GatewaySetting } from './auth/open-gateway.ts';
import type { Paths } from './auth/paths.ts';
import type { Output } from './render/output.ts';
import type { Prompts } from './render/prompts.ts';

export type InterruptSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

export interface Interrupts {
  /**
   * Calls the handler for each SIGINT, SIGTERM and SIGHUP; `count` is 1 for the first. While a handler is
   * registered the signal does not end the process. Without one the system's default holds.
   * @returns takes the handler away.
   */
  onInterrupt(handler: (signal: InterruptSignal, count: number) => void): () => void;
}

/** `gateway serve` and `demo` live in the other half; main.ts hands them in, loaded when called. */
export interface Halves {
  serve(options: ServeOptions): Promise<number>;
  check(path: string, options: { readonly json: boolean }): Promise<number>;
  demo(options: DemoOptions): Promise<number>;
  /** The statements in a journal's folder, oldest first. */
  audit(
    folder: string,
    options: { readonly follow: boolean; readonly signal: AbortSignal },
  ): Promise<AsyncIterable<AuditStatement>>;
}

/** One statement of the record, with what came of it. */
export interface AuditStatement {
  readonly start?: string | undefined;
  readonly name?: string | undefined;
  readonly target?: string | undefined;
  readonly text?: string | undefined;
  readonly state: 'done' | 'refused' | 'unfinished' | 'running';
  readonly rule?: string | undefined;
  readonly rows?: number | undefined;
  readonly sqlstate?: string | undefined;
  readonly durationUs?: number | undefined;
}

export interface ServeOptions {
  readonly configPath: string;
  readonly logLevel?: string;
}

export interface DemoOptions {
  /** Stay up after the tour; default: when there is a terminal. */
  readonly stay: boolean;
}

export interface CommandContext {
  readonly out: Output;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly interrupt: Interrupts;
  readonly paths: Paths;
  readonly prompts: Prompts;
  readonly halves: Halves;
  /** `--gateway` and `--ca` as given on the command line or by their GW_* twins. */
  readonly selection: GatewaySelection;
  /** What talking to servers needs, for commands that choose whom to talk to themselves. */
  network(): Promise<GatewaySetting>;
  /** The gateway chosen by --gateway, GW_GATEWAY or the last sign-in. Throws `not_signed_in` when there is none. */
  gateway(): Promise<GatewayClient>;
  /**
   * The target as given; where none is given and a person is at the terminal, the one they pick; otherwise
   * a usage error that shows `gw COMMAND TARGET`.
   */
  pickTarget(given: string | undefined, command: string): Promise<string>;
}

export interface GatewaySelection {
  /** A profile's name or a URL. */
  readonly gateway?: string;
  /** File with more CA certificates (PEM). */
  readonly ca?: string;
}
