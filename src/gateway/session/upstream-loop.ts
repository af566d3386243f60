import { GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { decodeBackendKeyData, decodeReadyForQuery } from '../../wire/backend.ts';
import { errorResponse } from '../../wire/build-backend.ts';
import { decodeCommandComplete } from '../../wire/command-tag.ts';
import { sqlstateOf } from '../../wire/notice-fields.ts';
import { MessageScanner, type ScanHandler, scanRules } from '../../wire/scanner.ts';
import { BACKEND, isBackendType, printType } from '../../wire/types.ts';
import type { Gate } from '../gate/gate.ts';
import type { Ticket } from '../gate/types.ts';
import { preparedName } from '../sql/command-word.ts';
import type { Names } from './names.ts';
import { OP, type Operations } from './operations.ts';

/**
 * Upstream → client. Finds the end of each answer, pairs it with the operation that asked, journals what came
 * of it, and passes the server's own bytes on. Only two things are ever replaced: the cancel key, which is
 * the gateway's own, and the error of a statement that the gate refused.
 */

/** Enough for the fields that come first (severity, SQLSTATE) of an error of any size. */
const ERROR_PREFIX_BYTES = 16 * 1024;

const COLLECTED: Readonly<Record<number, number>> = {
  [BACKEND.commandComplete]: 1_024,
  [BACKEND.readyForQuery]: 1,
  [BACKEND.errorResponse]: ERROR_PREFIX_BYTES,
  [BACKEND.backendKeyData]: 512,
};

const RULES = scanRules({
  peer: 'the database',
  isKnownType: (type) =>
    isBackendType(type) && type !== BACKEND.authentication && type !== BACKEND.copyBothResponse,
  maxMessageBytes: LIMITS.messageBytes,
  bodyLimit: (type) => COLLECTED[type] ?? -1,
  partial: (type) => type === BACKEND.errorResponse,
});

const SKIPPED = { rows: undefined, tag: undefined, sqlstate: '25P02', bytes: 0 } as const;

export interface UpstreamLoopDeps {
  readonly gate: Gate;
  readonly operations: Operations;
  readonly names: Names;
  /** Sends to the client; the owner watches for back-pressure. */
  write(bytes: Uint8Array): void;
  copyInBegan(): void;
  copyInEnded(): void;
  /** The server's cancel key; what the client gets in its place. */
  backendKey(processId: number, secret: Buffer): Buffer;
  fail(error: GwError): void;
}

export class UpstreamLoop implements ScanHandler {
  readonly #deps: UpstreamLoopDeps;
  readonly #scanner = new MessageScanner(RULES);
  #chunk: Buffer = Buffer.alloc(0);
  #from = 0;
  #rows = 0;
  #bytes = 0;
  #failed = false;
  #cut: (() => void) | undefined;
  /** The client has been told that the connection ends (FATAL or PANIC). */
  fatal = false;
  /** The statement the last Execute of this transaction ran: an error at Sync (its commit) belongs to it. */
  #lastTicket: Ticket | undefined;

  constructor(deps: UpstreamLoopDeps) {
    this.#deps = deps;
  }

  get atBoundary(): boolean {
    return this.#scanner.atBoundary;
  }

  /**
   * Ends the stream to the client between two messages: calls `done` once the message under way has passed,
   * and lets nothing through after it.
   */
  cutAtBoundary(done: () => void): void {
    if (this.#scanner.atBoundary) {
      this.#failed = true;
      done();
    } else {
      this.#cut = done;
    }
  }

  /** Takes bytes from upstream. Never throws; what is wrong ends the session. */
  receive(chunk: Buffer): void {
    if (this.#failed) return;
    this.#chunk = chunk;
    this.#from = 0;
    try {
      const end = this.#scanner.scan(chunk, this);
      this.#forwardUntil(end);
      if (this.#cut && this.#scanner.atBoundary) this.#cutBefore(end);
    } catch (error) {
      this.#failed = true;
      this.#deps.fail(
        error instanceof GwError ? error : new GwError('bug', 'The relay failed.', { cause: error }),
      );
    }
  }

  message(type: number, body: Buffer, start: number, end: number, held: Buffer, length: number): void {
    if (this.#cutBefore(start)) return;
    this.#bytes += length + 5;
    if (type === BACKEND.commandComplete) this.#complete(body);
    else if (type === BACKEND.readyForQuery) this.#ready(decodeReadyForQuery(body));
    else if (type === BACKEND.errorResponse) {
      const replacement = this.#error(body);
      if (replacement) {
        if (length > body.length)
          throw new GwError('protocol_violation', 'The database sent an oversized error.');
        this.#replace(start, end, replacement);
        return;
      }
    } else if (type === BACKEND.backendKeyData) {
      const key = decodeBackendKeyData(body);
      this.#replace(start, end, this.#deps.backendKey(key.processId, Buffer.from(key.secret)));
      return;
    }
    this.#include(start, held);
  }

  passing(type: number, length: number, start: number, _end: number, held: Buffer): void {
    if (this.#cutBefore(start)) return;
    this.#bytes += length + 5;
    if (type === BACKEND.dataRow) this.#rows++;
    else if (type !== BACKEND.copyData) this.#progress(type);
    this.#include(start, held);
  }

  rest(): void {}

  /** Messages that answer an operation, or a part of one, without a body we need. */
  #progress(type: number): void {
    switch (type) {
      case BACKEND.parseComplete:
        this.#answer(OP.parse, type);
        break;
      case BACKEND.bindComplete:
        this.#answer(OP.bind, type);
        break;
      case BACKEND.closeComplete:
        this.#answer(OP.close, type);
        break;
      case BACKEND.rowDescription:
      case BACKEND.noData:
        if (this.#head() === OP.describe) this.#deps.operations.shift();
        break;
      case BACKEND.emptyQueryResponse:
      case BACKEND.portalSuspended:
        this.#finish(type === BACKEND.portalSuspended ? this.#rows : 0, undefined, '00000');
        break;
      case BACKEND.copyInResponse:
        this.#deps.copyInBegan();
        break;
      case BACKEND.functionCallResponse:
      case BACKEND.negotiateProtocolVersion:
        throw new GwError(
          'protocol_violation',
          `The database sent ${printType(type)}, which nothing asked for.`,
        );
      default:
    }
  }

  /** Type of the operation the next answer belongs to; 0 for none. */
  #head(): number {
    const { operations } = this.#deps;
    while (operations.typeAt(0) === OP.copyEnd) operations.shift();
    return operations.typeAt(0);
  }

  #answer(expected: number, type: number): void {
    const { operations } = this.#deps;
    if (this.#head() !== expected || operations.refusalAt(0)) {
      throw new GwError('protocol_violation', `The database sent ${printType(type)} out of turn.`);
    }
    operations.shift();
  }

  #complete(body: Buffer): void {
    const { tag, rows } = decodeCommandComplete(body);
    this.#deps.copyInEnded();
    this.#trackSqlNames(tag);
    this.#finish(rows, tag, '00000');
  }

  /** One statement is done: the Execute at the head, or one of the statements of a Query. */
  #finish(rows: number | undefined, tag: string | undefined, sqlstate: string): void {
    const { operations, gate } = this.#deps;
    const head = this.#head();
    if (head !== OP.execute && head !== OP.query) {
      throw new GwError('protocol_violation', 'The database completed a statement that was not asked for.');
    }
    const ticket = operations.ticketAt(0);
    if (ticket)
      gate.settle(ticket, head === OP.query ? 'simple' : 'extended', {
        rows,
        tag,
        sqlstate,
        bytes: this.#bytes,
      });
    this.#lastTicket = ticket;
    this.#rows = 0;
    this.#bytes = 0;
    if (head === OP.execute) operations.shift();
  }

  /** @returns what the client gets instead, if this answers a refused statement. */
  #error(body: Buffer): Buffer | undefined {
    const { operations, names, gate } = this.#deps;
    this.#deps.copyInEnded();
    const head = this.#head();
    const refusal = operations.refusalAt(0);
    const sqlstate = sqlstateOf(body) ?? 'XX000';
    if (isFatal(body)) this.fatal = true;
    if (refusal) {
      // The operation stays for Z when it is a Query; otherwise it is skipped like the rest.
    } else if (head === OP.sync || head === 0) {
      if (this.#lastTicket)
        gate.settle(this.#lastTicket, 'extended', {
          rows: undefined,
          tag: undefined,
          sqlstate,
          bytes: this.#bytes,
        });
    } else {
      const ticket = operations.ticketAt(0);
      if (ticket)
        gate.settle(ticket, head === OP.query ? 'simple' : 'extended', {
          rows: undefined,
          tag: undefined,
          sqlstate,
          bytes: this.#bytes,
        });
    }
    if (head !== OP.query) {
      const failed = operations.changeAt(0)?.now;
      this.#skipToSync(names, 1, failed, refusal?.sqlstate ?? sqlstate);
    }
    this.#rows = 0;
    this.#bytes = 0;
    return refusal && refused(refusal);
  }

  /**
   * The server skips everything up to the next Sync (manual 55.2.3). What is not sent yet will be skipped too.
   * When the Parse or Bind of a statement failed, the Execute meant for it has that error as its outcome.
   */
  #skipToSync(names: Names, settled: number, failed?: unknown, sqlstate: string = SKIPPED.sqlstate): void {
    const { operations, gate } = this.#deps;
    let skipped = 0;
    let isTold = failed === undefined;
    while (skipped < operations.count && operations.typeAt(skipped) !== OP.sync) skipped++;
    names.undo(operations, skipped);
    for (let index = 0; index < skipped; index++) {
      const ticket = operations.ticketAt(0);
      if (ticket && index >= settled) {
        const isMeant = !isTold && ticket.statement === failed;
        isTold ||= isMeant;
        gate.settle(ticket, 'extended', isMeant ? { ...SKIPPED, sqlstate } : SKIPPED);
      }
      operations.shift();
    }
  }

  #ready(status: string): void {
    const { operations, names } = this.#deps;
    // What was sent behind an error, before the client knew of it, was skipped up to this Sync.
    if (operations.count > 0 && this.#head() !== OP.query && this.#head() !== OP.sync)
      this.#skipToSync(names, 0);
    if (operations.count > 0) operations.shift();
    this.#lastTicket = undefined;
    this.#rows = 0;
    this.#bytes = 0;
    if (status === 'I' && operations.count === 0) names.clearPortals();
  }

  /** PREPARE, DEALLOCATE ALL and DISCARD ALL change the names that the wire shares with SQL. */
  #trackSqlNames(tag: string): void {
    const first = tag.charCodeAt(0);
    if (first !== 0x50 && first !== 0x44) return;
    const { operations, names } = this.#deps;
    if (tag === 'DEALLOCATE ALL' || tag === 'DISCARD ALL') names.clearStatements();
    else if (tag === 'PREPARE') {
      const statement = operations.ticketAt(0)?.statement;
      const name = statement && preparedName(statement.text);
      if (name !== undefined && names.count < LIMITS.preparedStatements) names.setStatement(name, statement);
    }
  }

  /** When the stream is being cut: what precedes goes out, nothing more. */
  #cutBefore(start: number): boolean {
    if (this.#failed) return true;
    if (!this.#cut) return false;
    this.#forwardUntil(start);
    this.#from = this.#chunk.length;
    this.#failed = true;
    this.#scanner.stop();
    this.#cut();
    return true;
  }

  #include(start: number, held: Buffer): void {
    if (held.length === 0) return;
    this.#forwardUntil(start);
    this.#deps.write(held);
  }

  #replace(start: number, end: number, bytes: Buffer): void {
    this.#forwardUntil(start);
    this.#deps.write(bytes);
    this.#from = end;
  }

  #forwardUntil(end: number): void {
    if (end > this.#from) {
      this.#deps.write(
        this.#from === 0 && end === this.#chunk.length ? this.#chunk : this.#chunk.subarray(this.#from, end),
      );
    }
    this.#from = end;
  }
}

const FATAL = Buffer.from('\0VFATAL\0');
const PANIC = Buffer.from('\0VPANIC\0');
/** Severity is the second field of every ErrorResponse since PostgreSQL 9.6. */
const SEVERITY_PREFIX_BYTES = 128;

function isFatal(body: Buffer): boolean {
  const prefix = body.subarray(0, SEVERITY_PREFIX_BYTES);
  return prefix.includes(FATAL) || prefix.includes(PANIC);
}

/** A refusal as an ordinary ERROR on the wire. */
export function refused(error: GwError, severity: 'ERROR' | 'FATAL' = 'ERROR'): Buffer {
  const { sqlstate, message, detail, hint } = error;
  return errorResponse({ severity, sqlstate, message, ...(detail && { detail }), ...(hint && { hint }) });
}
