/**
 * Runs SQL text over a session and writes its results as they come. Text waits in memory only up to a limit: beyond
 * it the session stops reading until stdout has taken it, and the database feels that.
 */
import type {
  BackendMessage,
  CommandCompleteMessage,
  CopyDataMessage,
  DatabaseError,
  DataRowMessage,
  NoticeMessage,
  RowDescriptionMessage,
} from 'pg-protocol/dist/messages.js';
import type { GwError } from '../../core/errors.ts';
import type { ResultWriter } from '../render/results.ts';
import type { PgSession } from './pg-session.ts';
import { sqlError } from './sql-error.ts';

export interface QuerySink {
  readonly writer: ResultWriter;
  /** Resolves when more may come; false when nobody reads any more. */
  write(text: string | Uint8Array): Promise<boolean>;
  /** A result is over: its command tag, e.g. `INSERT 0 1`. */
  done(tag: string, hasRows: boolean): void;
  notice(severity: string, message: string): void;
}

const FLUSH_CHARS = 64 * 1024;

/**
 * Resolves when all statements are done and everything is written; false when the reader of stdout went away.
 * @throws GwError of the first statement that failed, or when the session was lost
 */
export async function runQuery(session: PgSession, sql: string, sink: QuerySink): Promise<boolean> {
  const run = new QueryRun(session, sql, sink);
  try {
    await session.query(sql, (message) => run.message(message));
  } finally {
    run.close();
    await run.flushed();
  }
  if (run.error !== undefined && !run.isReaderGone) throw run.error;
  return !run.isReaderGone;
}

class QueryRun {
  error: GwError | undefined;
  isReaderGone = false;
  readonly #session: PgSession;
  readonly #sql: string;
  readonly #sink: QuerySink;
  /** Text to write, and what is to happen once everything before it is written. */
  #queue: (string | Uint8Array | (() => void))[] = [];
  #waiting = 0;
  #isInResult = false;
  #flushing: Promise<void> | undefined;

  constructor(session: PgSession, sql: string, sink: QuerySink) {
    this.#session = session;
    this.#sql = sql;
    this.#sink = sink;
  }

  message(message: BackendMessage): void {
    const { writer } = this.#sink;
    switch (message.name) {
      case 'rowDescription': {
        const { fields } = message as RowDescriptionMessage;
        this.#isInResult = true;
        this.#put(writer.begin(fields.map(({ name, dataTypeID }) => ({ name, type: dataTypeID }))));
        break;
      }
      case 'dataRow':
        this.#put(writer.row((message as DataRowMessage).fields as (string | null)[]));
        break;
      case 'copyData':
        this.#put((message as unknown as CopyDataMessage).chunk);
        break;
      case 'commandComplete':
        this.#complete((message as CommandCompleteMessage).text);
        break;
      case 'copyInResponse':
        this.#session.failCopy('gw query has no data for COPY FROM STDIN; use gw psql');
        break;
      case 'error':
        this.#endResult();
        this.error ??= sqlError(message as unknown as DatabaseError, this.#sql);
        break;
      case 'notice': {
        const { severity, message: text } = message as NoticeMessage;
        this.#sink.notice(severity ?? 'NOTICE', text ?? '');
        break;
      }
      default:
        break;
    }
  }

  /** Ends what a lost session left open. */
  close(): void {
    this.#endResult();
    this.#put(this.#sink.writer.finish());
  }

  /** Resolves when everything is written. */
  async flushed(): Promise<void> {
    this.#flush();
    await this.#flushing;
  }

  #complete(tag: string): void {
    const hadRows = this.#isInResult;
    this.#endResult();
    // In the same queue as the rows, so that on a terminal it stands behind them.
    this.#queue.push(() => this.#sink.done(tag, hadRows));
    this.#flush();
  }

  #endResult(): void {
    if (this.#isInResult) this.#put(this.#sink.writer.end());
    this.#isInResult = false;
  }

  #put(text: string | Uint8Array): void {
    if (text.length === 0 || this.isReaderGone) return;
    this.#queue.push(text);
    this.#waiting += text.length;
    if (this.#waiting < FLUSH_CHARS) return;
    this.#session.pause();
    this.#flush();
  }

  #flush(): void {
    this.#flushing ??= this.#writeAll().finally(() => {
      this.#flushing = undefined;
      this.#session.resume();
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#queue.length > 0) {
      const pieces = this.#queue;
      this.#queue = [];
      this.#waiting = 0;
      let text = '';
      for (const piece of pieces) {
        if (typeof piece === 'string') {
          text += piece;
          continue;
        }
        await this.#write(text);
        text = '';
        if (typeof piece === 'function') piece();
        else await this.#write(piece);
      }
      await this.#write(text);
    }
  }

  async #write(text: string | Uint8Array): Promise<void> {
    if (text.length === 0 || this.isReaderGone) return;
    if (await this.#sink.write(text)) return;
    this.isReaderGone = true;
    this.#session.cancel();
  }
}
