import { type AddressInfo, createServer } from 'node:net';
import type { GwError } from '../../src/core/errors.ts';
import { socketChannel } from '../../src/core/socket-channel.ts';
import { Desk } from '../../src/gateway/desk.ts';
import { Gate } from '../../src/gateway/gate/gate.ts';
import type { Decision, Facts, Outcome, Statement } from '../../src/gateway/gate/types.ts';
import { Intake } from '../../src/gateway/listener/intake.ts';
import { negotiateStartup } from '../../src/gateway/listener/startup.ts';
import { SessionRegistry } from '../../src/gateway/session/registry.ts';
import type { SessionTarget } from '../../src/gateway/session/types.ts';
import { Upstream } from '../../src/gateway/upstream/upstream.ts';
import type { TestPostgres } from './postgres.ts';

/**
 * The session layer alone, in this process, in front of a real PostgreSQL: plain TCP, no authentication, and a
 * journal whose every failure a test can command. What is recorded is kept for the test to look at.
 */
export interface Relay {
  readonly port: number;
  readonly recorded: Recorded[];
  readonly registry: SessionRegistry;
  /** What the gate decides; replaced by tests that refuse. */
  decide: (facts: Facts) => Decision;
  readonly journal: FakeJournal;
  endsAtMs: number;
  stop(): Promise<void>;
}

export type Recorded =
  | { readonly event: 'intent'; readonly id: number; readonly text: string; readonly protocol: string }
  | { readonly event: 'outcome'; readonly id: number; readonly outcome: Outcome }
  | { readonly event: 'refused'; readonly id: number; readonly rule: string }
  | { readonly event: 'started' | 'cancel' }
  | { readonly event: 'ended'; readonly reason: string };

/** `hold` keeps acknowledgements back until `release`. */
export class FakeJournal {
  durable = 0;
  #next = 0;
  #held: { sequence: number; done: (error: GwError | undefined) => void }[] = [];
  hold = false;
  /** Thrown by the next appends. */
  broken: GwError | undefined;

  append(): number {
    if (this.broken) throw this.broken;
    return ++this.#next;
  }

  whenDurable(sequence: number, done: (error: GwError | undefined) => void): void {
    if (!this.hold) this.durable = this.#next;
    if (sequence <= this.durable) done(undefined);
    else this.#held.push({ sequence, done });
  }

  /** Acknowledges everything, or fails it. */
  release(error?: GwError): void {
    if (!error) this.durable = this.#next;
    for (const { done } of this.#held.splice(0)) done(error);
  }
}

export async function startRelay(postgres: TestPostgres): Promise<Relay> {
  process.env.GW_TEST_RELAY_PASSWORD = postgres.password;
  const { host, port, superuser } = postgres;
  const upstream = new Upstream({
    name: 'test',
    host,
    port,
    tls: { mode: 'disable' },
    login: { user: superuser, password: { kind: 'env', name: 'GW_TEST_RELAY_PASSWORD' } },
  });
  const target: SessionTarget = { name: 'test', database: 'postgres', databases: ['postgres'], upstream };
  const registry = new SessionRegistry({ sessions: 100, perIdentity: 100 });
  const journal = new FakeJournal();
  const recorded: Recorded[] = [];
  const desk = new Desk({
    registry,
    target: () => target,
    refused: () => {},
    deps: {
      now: () => Date.now(),
      durability: journal,
      record: () => ({
        prepare: () => undefined,
        intent(id: number, statement: Statement, protocol: string) {
          const sequence = journal.append();
          recorded.push({ event: 'intent', id, text: statement.text.toString(), protocol });
          return sequence;
        },
        outcome: (id: number, outcome: Outcome) =>
          recorded.push({ event: 'outcome', id, outcome: { ...outcome } }),
        refused: (id: number, _: Statement, rule: string) => recorded.push({ event: 'refused', id, rule }),
        started() {
          recorded.push({ event: 'started' });
          return journal.append();
        },
        cancelRequested: () => recorded.push({ event: 'cancel' }),
        ended: ({ reason }) => recorded.push({ event: 'ended', reason }),
      }),
      gate: (_, recorder) =>
        new Gate({
          decide: (facts) => relay.decide(facts),
          recorder,
          meter: { statement() {} },
          monotonic: () => performance.now(),
        }),
      meter: { statement() {}, gate() {}, bytes() {}, sessionOpened() {}, sessionClosed() {} },
      log() {},
    },
  });
  const server = createServer({ allowHalfOpen: true }, async (socket) => {
    const intake = new Intake(socketChannel(socket));
    const startup = await negotiateStartup(intake, desk).catch(() => undefined);
    if (!startup) return;
    const identity = {
      id: 'test|tester',
      subject: 'tester',
      issuer: 'test',
      provider: 'test',
      kind: 'human' as const,
      name: 'tester',
      groups: [],
      tokenExpiresAtMs: relay.endsAtMs,
    };
    const { endsAtMs } = relay;
    desk.open({
      client: intake,
      identity,
      grantId: 'g',
      endsAtMs,
      target: 'test',
      startup,
      via: 'native',
      remoteAddress: '',
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const relay: Relay = {
    port: (server.address() as AddressInfo).port,
    recorded,
    registry,
    decide: () => ({ outcome: 'allow', rule: 'test' }),
    journal,
    endsAtMs: Date.now() + 3_600_000,
    async stop() {
      for (const session of registry.of('test|tester')) session.reachedEnd();
      server.close();
      await registry.whenEmpty();
    },
  };
  return relay;
}
