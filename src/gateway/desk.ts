import { randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import { asGwError, GwError } from '../core/errors.ts';
import type { Sessions } from './listener/entrance.ts';
import { sayFarewell } from './listener/farewell.ts';
import type { SessionRegistry } from './session/registry.ts';
import { attribution, readRequest } from './session/request.ts';
import { Session } from './session/session.ts';
import type { Opening, SessionDeps, SessionFacts, SessionTarget } from './session/types.ts';

const MAX_PROCESS_ID = 2 ** 31 - 1;

/** Where authenticated clients become sessions: reads what they ask for, and lets them in or says why not. */
export class Desk implements Sessions {
  readonly #registry: SessionRegistry;
  readonly #deps: SessionDeps;
  readonly #target: (name: string) => SessionTarget | undefined;
  readonly #refused: (opening: Opening, error: GwError) => void;

  constructor(options: {
    readonly registry: SessionRegistry;
    readonly deps: Omit<SessionDeps, 'randomBytes' | 'randomProcessId'>;
    /** A target of the configuration in force. */
    readonly target: (name: string) => SessionTarget | undefined;
    /** Told of openings that did not become a session. */
    readonly refused: (opening: Opening, error: GwError) => void;
  }) {
    this.#registry = options.registry;
    this.#deps = { ...options.deps, randomBytes, randomProcessId: () => randomInt(1, MAX_PROCESS_ID) };
    this.#target = options.target;
    this.#refused = options.refused;
  }

  open(opening: Opening): void {
    try {
      this.#admit(opening);
    } catch (error) {
      const known = asGwError(error);
      this.#refused(opening, known);
      sayFarewell(opening.client.channel, known);
    }
  }

  async cancel(processId: number, secret: Buffer): Promise<void> {
    const session = this.#registry.find(processId, secret, timingSafeEqual);
    await session?.cancel().catch(() => {});
  }

  #admit(opening: Opening): void {
    const target = this.#target(opening.target);
    if (!target) {
      throw new GwError('unknown_target', `There is no target "${opening.target}" any more.`, {
        hint: 'List the targets with: gw ls',
      });
    }
    const now = this.#deps.now();
    if (now >= opening.endsAtMs) {
      throw new GwError('expired', 'This session grant has ended.', {
        hint: 'Get a new one: gw connect, or gw token',
      });
    }
    const request = readRequest(opening.startup, target);
    const facts: SessionFacts = {
      id: randomBytes(8).toString('hex'),
      identity: opening.identity,
      grantId: opening.grantId,
      target: target.name,
      database: request.database,
      via: opening.via,
      remoteAddress: opening.remoteAddress,
      applicationName: request.applicationName,
      startedAtMs: now,
      endsAtMs: opening.endsAtMs,
    };
    const session = new Session(opening, target, facts, this.#registry, this.#deps);
    this.#registry.add(session, facts.identity.id);
    const who = opening.identity.email ?? opening.identity.name;
    void session.run(opening, request.database, [
      ...request.parameters,
      ['application_name', attribution(who, facts.id, request.applicationName)],
    ]);
  }
}
