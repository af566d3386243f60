import pg from 'pg';
import { LIMITS } from '../../core/limits.ts';
import type { Secret } from '../../core/secret.ts';
import { clientConfig } from './connection-url.ts';
import { databaseError } from './database-errors.ts';

/** A few connections to one database, each statement bounded in time, errors as GwError. */
export interface Database {
  /** Runs one statement. `what` completes "gw could not …" when it fails. */
  query<Row extends pg.QueryResultRow>(
    what: string,
    sql: string,
    parameters?: readonly unknown[],
  ): Promise<Row[]>;
  /** Runs `work` in one transaction on one connection: committed when it resolves, else rolled back. */
  transaction<Result>(what: string, work: (run: Run) => Promise<Result>): Promise<Result>;
  /** Waits for statements that run and closes. */
  close(): Promise<void>;
}

export type Run = <Row extends pg.QueryResultRow>(
  sql: string,
  parameters?: readonly unknown[],
) => Promise<Row[]>;

/** Opens lazily: the first statement connects. Throws `configuration` on a URL that cannot be used. */
export function openDatabase(url: Secret): Database {
  const pool = new pg.Pool({
    ...clientConfig(url),
    max: LIMITS.controlDatabaseConnections,
    idleTimeoutMillis: 30_000,
  });
  // An idle connection that breaks is replaced by the next statement, which reports if that fails.
  pool.on('error', () => undefined);
  return {
    async query(what, sql, parameters = []) {
      try {
        return (await pool.query(sql, [...parameters])).rows;
      } catch (error) {
        throw databaseError(error, what);
      }
    },
    async transaction(what, work) {
      const client = await pool.connect().catch((error: unknown) => {
        throw databaseError(error, what);
      });
      let broken: Error | undefined;
      try {
        await client.query('BEGIN');
        const result = await work(
          async (sql, parameters) => (await client.query(sql, parameters && [...parameters])).rows,
        );
        await client.query('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch((failure: Error) => {
          broken = failure;
        });
        throw databaseError(error, what);
      } finally {
        client.release(broken);
      }
    },
    close: () => pool.end(),
  };
}

/** Runs a script of several statements on a connection of its own, without parameters. */
export async function runScript(url: Secret, what: string, sql: string): Promise<void> {
  const client = new pg.Client({ ...clientConfig(url), statement_timeout: 0, query_timeout: 0 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(sql);
  } catch (error) {
    throw databaseError(error, what, 'the database');
  } finally {
    await client.end().catch(() => undefined);
  }
}
