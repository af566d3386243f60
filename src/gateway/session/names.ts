import type { Statement } from '../gate/types.ts';
import type { NameChange, Operations } from './operations.ts';

/**
 * The prepared statements and portals of a session, as they will be once everything sent has succeeded. A
 * change is noted in the operation that makes it; when the server skips that operation (an error, up to
 * the next Sync), `undo` takes it back. Names the server made by SQL alone may be missing here: then the
 * statement behind them is unknown, which is said in the record.
 */
export class Names {
  readonly #statements = new Map<string, Statement>();
  readonly #portals = new Map<string, Statement | undefined>();

  get count(): number {
    return this.#statements.size + this.#portals.size;
  }

  statement(name: string): Statement | undefined {
    return this.#statements.get(name);
  }

  portal(name: string): Statement | undefined {
    return this.#portals.get(name);
  }

  setStatement(name: string, statement: Statement | undefined): NameChange {
    const change: NameChange = {
      kind: 'statement',
      name,
      now: statement,
      previous: this.#statements.get(name),
    };
    this.#put(this.#statements, name, statement);
    return change;
  }

  setPortal(name: string, statement: Statement | undefined): NameChange {
    const change: NameChange = { kind: 'portal', name, now: statement, previous: this.#portals.get(name) };
    this.#put(this.#portals, name, statement);
    return change;
  }

  /** DEALLOCATE ALL, DISCARD ALL: the server has dropped every prepared statement. */
  clearStatements(): void {
    this.#statements.clear();
  }

  /** A transaction ended and nothing is under way: the server has dropped every portal. */
  clearPortals(): void {
    if (this.#portals.size > 0) this.#portals.clear();
  }

  /**
   * Takes back the changes of the first `skipped` operations. A later operation that changed the same name
   * keeps its change, and inherits what is to be restored should it be skipped too.
   */
  undo(operations: Operations, skipped: number): void {
    let later: Map<string, NameChange> | undefined;
    for (let index = skipped - 1; index >= 0; index--) {
      const change = operations.changeAt(index);
      if (change === undefined) continue;
      later ??= firstChanges(operations, skipped);
      const heir = later.get(keyOf(change));
      if (heir) heir.previous = change.previous;
      else this.#restore(change);
    }
  }

  #restore(change: NameChange): void {
    const map: Map<string, Statement | undefined> =
      change.kind === 'statement' ? this.#statements : this.#portals;
    this.#put(map, change.name, change.previous as Statement | undefined);
  }

  #put(map: Map<string, Statement | undefined>, name: string, value: Statement | undefined): void {
    if (value === undefined) map.delete(name);
    else map.set(name, value);
  }
}

const keyOf = (change: NameChange): string => `${change.kind}:${change.name}`;

function firstChanges(operations: Operations, from: number): Map<string, NameChange> {
  const found = new Map<string, NameChange>();
  for (let index = from; index < operations.count; index++) {
    const change = operations.changeAt(index);
    if (change && !found.has(keyOf(change))) found.set(keyOf(change), change);
  }
  return found;
}
