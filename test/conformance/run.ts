/**
 * Is the relay invisible? For servers that run already; test/conformance/gateway.ts starts everything itself.
 *
 *   node test/conformance/run.ts --sql DIR --direct URL --again URL --through URL [--out DIR] [--only NAME…]
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { conformance, formatResult, ofKind } from './conformance.ts';
import { findPsql } from './psql.ts';

const { values } = parseArgs({
  options: {
    sql: { type: 'string' },
    direct: { type: 'string' },
    again: { type: 'string' },
    through: { type: 'string' },
    out: { type: 'string', default: 'conformance-out' },
    only: { type: 'string', multiple: true, default: [] },
  },
});
const { sql, direct, again, through, out, only } = values;
const psql = findPsql();
if (!sql || !direct || !again || !through || !psql) {
  process.stderr.write(
    psql
      ? 'usage: run.ts --sql DIR --direct URL --again URL --through URL [--out DIR] [--only NAME]\n'
      : 'psql is missing: apt install postgresql-client, or put it into PATH.\n',
  );
  process.exit(2);
}
const servers = { direct, again, through };
const result = await conformance({ psql, folder: resolve(sql), servers, out: resolve(out), only });
process.stdout.write(`${formatResult(result)}\n`);
process.exitCode = ofKind(result, 'unexplained').length > 0 ? 1 : 0;
