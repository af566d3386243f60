import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Statement } from '../../../src/gateway/gate/types.ts';
import { Names } from '../../../src/gateway/session/names.ts';
import { OP, Operations } from '../../../src/gateway/session/operations.ts';

const statement = (text: string): Statement => ({
  text: Buffer.from(text),
  facts: { word: '' },
  recorded: undefined,
});

describe('names', () => {
  it('follow the server, whatever it skips', () => {
    // A batch is a list of changes and, when it fails, the place of the first that does not take effect.
    const change = fc.record({ name: fc.constantFrom('', 'a', 'b', 'c'), close: fc.boolean() });
    const batch = fc.record({
      changes: fc.array(change, { maxLength: 5 }),
      failsAt: fc.option(fc.nat({ max: 5 })),
    });
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 8 }), fc.nat({ max: 8 }), (batches, answeredEarly) => {
        const names = new Names();
        const operations = new Operations();
        const server = new Map<string, string>();
        let made = 0;
        const plan = batches.map((b) => ({
          ...b,
          changes: b.changes.map((c) => ({ ...c, text: `statement ${++made}` })),
        }));
        const send = (b: (typeof plan)[number]): void => {
          for (const c of b.changes) {
            const noted = names.setStatement(c.name, c.close ? undefined : statement(c.text));
            operations.push(c.close ? OP.close : OP.parse, undefined, undefined, noted);
          }
          operations.push(OP.sync);
        };
        const answer = (b: (typeof plan)[number]): void => {
          const succeed = b.failsAt === null ? b.changes.length : Math.min(b.failsAt, b.changes.length);
          for (const c of b.changes.slice(0, succeed)) {
            if (c.close) server.delete(c.name);
            else server.set(c.name, c.text);
            operations.shift();
          }
          const skipped = b.changes.length - succeed;
          names.undo(operations, skipped);
          for (let i = 0; i < skipped; i++) operations.shift();
          operations.shift();
        };
        // Some batches are answered one by one, the others only after all were sent.
        for (const b of plan.slice(0, answeredEarly)) {
          send(b);
          answer(b);
        }
        for (const b of plan.slice(answeredEarly)) send(b);
        for (const b of plan.slice(answeredEarly)) answer(b);
        for (const name of ['', 'a', 'b', 'c']) {
          expect(names.statement(name)?.text.toString()).toBe(server.get(name));
        }
        expect(operations.count).toBe(0);
      }),
      { numRuns: 500 },
    );
  });
});

describe('operations', () => {
  it('behave as a list, in any order of calls', () => {
    const call = fc.oneof(
      fc.record({ do: fc.constant('push' as const), type: fc.integer({ min: 1, max: 8 }) }),
      fc.record({ do: fc.constant('shift' as const) }),
      fc.record({ do: fc.constant('remove' as const), at: fc.nat({ max: 40 }) }),
    );
    fc.assert(
      fc.property(fc.array(call, { maxLength: 200 }), (calls) => {
        const operations = new Operations();
        const model: number[] = [];
        for (const c of calls) {
          if (c.do === 'push') {
            operations.push(c.type);
            model.push(c.type);
          } else if (c.do === 'shift' && model.length > 0) {
            operations.shift();
            model.shift();
          } else if (c.do === 'remove' && c.at < model.length) {
            operations.removeAt(c.at);
            model.splice(c.at, 1);
          }
          expect(operations.count).toBe(model.length);
        }
        expect(model.map((_, i) => operations.typeAt(i))).toEqual(model);
        expect(operations.typeAt(model.length)).toBe(0);
      }),
    );
  });
});
