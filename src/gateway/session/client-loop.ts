import { GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { flush, parse, query, sync, terminate } from '../../wire/build-frontend.ts';
import {
  decodeBindNames,
  decodeClose,
  decodeExecute,
  decodeParse,
  decodeQuery,
} from '../../wire/frontend.ts';
import { MessageScanner, type ScanHandler, scanRules } from '../../wire/scanner.ts';
import { FRONTEND, isFrontendType } from '../../wire/types.ts';
import type { Gate } from '../gate/gate.ts';
import type { Durability, Statement, Ticket } from '../gate/types.ts';
import type { Names } from './names.ts';
import { type NameChange, OP, type Operations } from './operations.ts';
import { Outbox } from './outbox.ts';

/**
 * Client → upstream. Finds the messages that execute something, takes each through the gate, and forwards the
 * client's own bytes once the journal is durable. A refused statement is not dropped but replaced by a text
 * that PostgreSQL cannot parse: so the server itself fails the statement, skips to Sync and aborts the
 * transaction exactly as for any error, and the upstream loop puts the refusal in place of its message.
 */

const POISON = 'refused by gw';
const POISON_QUERY = query(POISON);
const FLUSH = flush();
const POISON_PARSE = Buffer.concat([parse('', POISON, []), FLUSH]);

/** What comes of a statement that the server read as (wrong) COPY data. */
const SWALLOWED = { rows: undefined, tag: undefined, sqlstate: '08P01', bytes: 0 } as const;

const COLLECTED: Readonly<Record<number, number>> = {
  [FRONTEND.query]: LIMITS.statementBytes,
  [FRONTEND.parse]: LIMITS.statementBytes,
  [FRONTEND.bind]: LIMITS.identifierBytes,
  [FRONTEND.execute]: LIMITS.identifierBytes,
  [FRONTEND.close]: LIMITS.identifierBytes,
  [FRONTEND.describe]: LIMITS.identifierBytes,
  [FRONTEND.sync]: 0,
  [FRONTEND.flush]: 0,
  [FRONTEND.terminate]: 0,
  [FRONTEND.copyDone]: 0,
  [FRONTEND.copyFail]: LIMITS.identifierBytes,
  [FRONTEND.functionCall]: LIMITS.sessionBufferBytes,
};

const RULES = scanRules({
  peer: 'the client',
  isKnownType: (type) => isFrontendType(type) && type !== FRONTEND.password,
  maxMessageBytes: LIMITS.messageBytes,
  bodyLimit: (type) => COLLECTED[type] ?? -1,
  partial: (type) => type === FRONTEND.bind || type === FRONTEND.copyFail,
});

export interface ClientLoopDeps {
  readonly gate: Gate;
  readonly operations: Operations;
  readonly names: Names;
  readonly durability: Durability;
  /** Sends to upstream; false asks to stop until `upstreamDrained`. */
  write(bytes: Uint8Array): boolean;
  endUpstream(): void;
  /** Seconds that operations waited for the journal. */
  waited(seconds: number): void;
  pauseClient(): void;
  resumeClient(): void;
  /** The session cannot go on. */
  fail(error: GwError): void;
}

export class ClientLoop implements ScanHandler {
  readonly #deps: ClientLoopDeps;
  readonly #scanner = new MessageScanner(RULES);
  readonly #outbox: Outbox;
  #chunk: Buffer = Buffer.alloc(0);
  #from = 0;
  #paused = false;
  #upstreamBlocked = false;
  /** The server reads COPY data: it ignores Sync and Flush until the end of the data. */
  #copyIn = false;
  #clientEnded = false;
  /** Reading stops until so many operations are done with; 0: it does not. What came meanwhile. */
  #stalledUntil = 0;
  #later: Buffer[] = [];
  /** The client has sent Terminate: its end of the connection is orderly. */
  terminated = false;

  constructor(deps: ClientLoopDeps) {
    this.#deps = deps;
    this.#outbox = new Outbox(deps.durability, {
      write: (bytes) => {
        if (!deps.write(bytes)) this.#upstreamBlocked = true;
      },
      waited: deps.waited,
      released: () => {
        this.#flow();
        if (this.#clientEnded) this.clientEnded();
      },
      failed: (error, operations) => this.#refuseUnsent(error, operations),
    });
  }

  /** Takes bytes from the client. Never throws; what is wrong ends the session. */
  receive(chunk: Buffer): void {
    if (this.#stalledUntil > 0) {
      this.#later.push(Buffer.from(chunk));
      return;
    }
    this.#chunk = chunk;
    this.#from = 0;
    try {
      const end = this.#scanner.scan(chunk, this);
      this.#forwardUntil(end);
      if (this.#stalledUntil > 0) this.#stall(chunk.subarray(end));
    } catch (error) {
      this.#deps.fail(
        error instanceof GwError ? error : new GwError('bug', 'The relay failed.', { cause: error }),
      );
      return;
    }
    this.#flow();
  }

  /** The client has ended its direction: what waits still goes out, then upstream is told. */
  clientEnded(): void {
    this.#clientEnded = true;
    if (this.#outbox.empty && this.#stalledUntil === 0) this.#deps.endUpstream();
  }

  upstreamDrained(): void {
    this.#upstreamBlocked = false;
    this.#flow();
  }

  /** Answers have come: there may be room for more operations, or the one we wait for is answered. */
  answered(): void {
    if (this.#stalledUntil > 0 && this.#deps.operations.done >= this.#stalledUntil) this.#goOn();
    if (this.#paused) this.#flow();
  }

  /**
   * The server asks for COPY data. It ignores the Sync that was sent behind the COPY (manual 55.2.3); any other
   * message there fails the COPY and is consumed by that (up to PostgreSQL 13; later ones end the session).
   */
  copyInBegan(): void {
    const { operations, gate } = this.#deps;
    this.#copyIn = true;
    while (this.#copyIn && operations.count > 1) {
      const ticket = operations.ticketAt(1);
      if (ticket) gate.settle(ticket, 'extended', SWALLOWED);
      this.#copyIn = operations.typeAt(1) === OP.sync;
      operations.removeAt(1);
    }
  }

  copyInEnded(): void {
    this.#copyIn = false;
  }

  message(type: number, body: Buffer, start: number, end: number, held: Buffer, length: number): void {
    if (type === FRONTEND.query) this.#query(body, start, end, held);
    else if (type === FRONTEND.parse) this.#parse(body, start, end, held);
    else if (type === FRONTEND.execute) this.#execute(body, start, end, held);
    else if (type === FRONTEND.functionCall) this.#functionCall(start, end);
    else {
      this.#accompany(type, body, length);
      this.#include(start, held);
    }
  }

  passing(_type: number, _length: number, start: number, _end: number, held: Buffer): void {
    this.#include(start, held);
  }

  rest(): void {}

  #query(body: Buffer, start: number, end: number, held: Buffer): void {
    const statement = this.#deps.gate.understand(Buffer.from(decodeQuery(body)));
    const admission = this.#deps.gate.admit(statement, 'simple', '');
    if (admission instanceof GwError) {
      this.#push(OP.query, undefined, admission);
      this.#replace(start, end, POISON_QUERY);
    } else {
      this.#push(OP.query, admission);
      this.#include(start, held);
    }
  }

  #parse(body: Buffer, start: number, end: number, held: Buffer): void {
    const { gate, names } = this.#deps;
    const message = decodeParse(body);
    if (names.count >= LIMITS.preparedStatements && names.statement(message.statement) === undefined) {
      const refusal = new GwError(
        'limit',
        `This session holds ${names.count} prepared statements and portals.`,
        {
          hint: 'Close some of them: DEALLOCATE ALL, or DISCARD ALL.',
        },
      );
      const statement = gate.understand(Buffer.from(message.query));
      this.#push(OP.parse, undefined, gate.refuse(statement, 'extended', 'limit', refusal));
      this.#replace(start, end, POISON_PARSE);
      return;
    }
    const statement = gate.understand(Buffer.from(message.query));
    const isTaken = message.statement !== '' && names.statement(message.statement) !== undefined;
    this.#push(OP.parse, undefined, undefined, names.setStatement(message.statement, statement));
    this.#include(start, held);
    if (isTaken) this.#waitForAnswer(end);
  }

  /**
   * A name that is in use as far as we know: only the server's answer tells which statement it stands for
   * from here on. Nothing more is read until then; the Flush makes the server answer now.
   */
  #waitForAnswer(end: number): void {
    this.#forwardUntil(end);
    this.#outbox.send(FLUSH);
    this.#stalledUntil = this.#deps.operations.pushed;
    this.#scanner.stop();
  }

  #stall(rest: Buffer): void {
    this.#deps.pauseClient();
    if (rest.length > 0) this.#later.push(Buffer.from(rest));
  }

  #goOn(): void {
    this.#stalledUntil = 0;
    const later = this.#later;
    this.#later = [];
    if (!this.#paused) this.#deps.resumeClient();
    for (const chunk of later) this.receive(chunk);
    if (this.#clientEnded) this.clientEnded();
  }

  #execute(body: Buffer, start: number, end: number, held: Buffer): void {
    const { gate, names } = this.#deps;
    const { portal } = decodeExecute(body);
    const statement = names.portal(portal) ?? this.#unknown(`portal "${portal}"`);
    const admission = gate.admit(statement, 'extended', portal);
    if (admission instanceof GwError) {
      this.#push(OP.execute, undefined, admission);
      this.#replace(start, end, POISON_PARSE);
    } else {
      this.#push(OP.execute, admission);
      this.#include(start, held);
    }
  }

  /** A name that SQL made and the wire uses: what it runs was journalled when SQL made it. */
  #unknown(what: string): Statement {
    return this.#deps.gate.understand(Buffer.from(`/* ${what} */`));
  }

  #functionCall(start: number, end: number): void {
    const refusal = new GwError('unsupported', 'Function-call messages are not supported through gw.', {
      hint: 'Call the function in a SELECT instead.',
    });
    const statement = this.#unknown('function call');
    this.#push(OP.query, undefined, this.#deps.gate.refuse(statement, 'simple', 'unsupported', refusal));
    this.#replace(start, end, POISON_QUERY);
  }

  /** Messages that execute nothing themselves: notes what they change and which answer they will have. */
  #accompany(type: number, body: Buffer, length: number): void {
    const { names, operations } = this.#deps;
    if (type === FRONTEND.bind) {
      const { portal, statement } = decodeBindNames(body, length);
      const bound = names.statement(statement) ?? this.#unknown(`prepared statement "${statement}"`);
      this.#push(OP.bind, undefined, undefined, names.setPortal(portal, bound));
    } else if (type === FRONTEND.describe) {
      this.#push(OP.describe);
    } else if (type === FRONTEND.sync) {
      if (!this.#copyIn) this.#push(OP.sync);
    } else if (type === FRONTEND.close) {
      const { kind, name } = decodeClose(body);
      const change =
        kind === 'statement' ? names.setStatement(name, undefined) : names.setPortal(name, undefined);
      this.#push(OP.close, undefined, undefined, change);
    } else if (type === FRONTEND.copyDone || type === FRONTEND.copyFail) {
      if (this.#copyIn) this.#copyIn = false;
      else if (operations.count > 0) this.#push(OP.copyEnd);
    } else if (type === FRONTEND.terminate) {
      this.terminated = true;
    }
  }

  #push(type: number, ticket?: Ticket, refusal?: GwError, change?: NameChange): void {
    if (this.#copyIn) {
      this.#copyIn = false;
      if (ticket) this.#deps.gate.settle(ticket, 'extended', SWALLOWED);
    } else {
      this.#deps.operations.push(type, ticket, refusal, change);
      this.#outbox.operations++;
    }
    if (ticket) this.#outbox.sequence = ticket.sequence;
  }

  /** The message at `start` goes out with its neighbours; `held` is what came of it before this chunk. */
  #include(start: number, held: Buffer): void {
    if (held.length === 0) return;
    this.#forwardUntil(start);
    this.#outbox.send(held);
  }

  #replace(start: number, end: number, bytes: Buffer): void {
    this.#forwardUntil(start);
    this.#outbox.send(bytes);
    this.#from = end;
  }

  #forwardUntil(end: number): void {
    if (end > this.#from) {
      this.#outbox.send(
        this.#from === 0 && end === this.#chunk.length ? this.#chunk : this.#chunk.subarray(this.#from, end),
      );
    }
    this.#from = end;
  }

  /** The journal failed for operations that were not sent: fails them as PostgreSQL would fail them. */
  #refuseUnsent(error: GwError, unsent: number): void {
    const { operations } = this.#deps;
    if (!this.#scanner.atBoundary || this.#copyIn) {
      this.#deps.fail(error);
      return;
    }
    const bytes: Buffer[] = [];
    let skipping = false;
    for (let index = operations.count - unsent; index < operations.count; index++) {
      const type = operations.typeAt(index);
      if (type === OP.sync) {
        bytes.push(sync());
        skipping = false;
      } else if (type === OP.query) {
        operations.refuseAt(index, error);
        bytes.push(POISON_QUERY);
      } else if (type !== OP.copyEnd && !skipping) {
        operations.refuseAt(index, error);
        bytes.push(POISON_PARSE);
        skipping = true;
      }
    }
    if (this.terminated) bytes.push(terminate());
    this.#outbox.sendNow(Buffer.concat(bytes));
  }

  #flow(): void {
    const { operations } = this.#deps;
    const full = this.#upstreamBlocked || this.#outbox.full || operations.count > LIMITS.pendingOperations;
    if (full === this.#paused) return;
    if (!full && operations.count > LIMITS.pendingOperations / 2) return;
    this.#paused = full;
    if (full) this.#deps.pauseClient();
    else if (this.#stalledUntil === 0) this.#deps.resumeClient();
  }
}
