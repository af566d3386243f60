/**
 * Starts three fresh PostgreSQL servers, one of them behind a gateway and `gw connect`, runs a folder of .sql files
 * and says whether the gateway shows: exit 1 when a line differs that nothing explains.
 *
 *   node test/conformance/gateway.ts --sql DIR [--bin DIR] [--native] [--out DIR] [--only NAME…]
 *
 * --bin names the programs of an installed PostgreSQL; psql must not be older. --native goes without gw connect.
 */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { tempDir } from '../support/temp.ts';
import { conformance, formatResult, ofKind } from './conformance.ts';
import { findPsql } from './psql.ts';
import { startConformanceServers } from './servers.ts';

const { values } = parseArgs({
  options: {
    sql: { type: 'string' },
    bin: { type: 'string' },
    native: { type: 'boolean', default: false },
    out: { type: 'string' },
    only: { type: 'string', multiple: true, default: [] },
  },
});
const psql = findPsql();
if (!values.sql || !psql) {
  process.stderr.write(
    psql
      ? 'usage: gateway.ts --sql DIR [--bin DIR] [--native] [--out DIR] [--only NAME]\n'
      : 'psql is missing: apt install postgresql-client, or put it into PATH.\n',
  );
  process.exit(2);
}
const servers = await startConformanceServers(values.bin ? { binDir: values.bin } : {});
let stopping: Promise<void> | undefined;
const stop = (): Promise<void> => (stopping ??= servers.stop());
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void stop().finally(() => process.exit(1)));
}
try {
  const { sql, only } = values;
  const out = values.out ? resolve(values.out) : join(tempDir('conformance').path, 'out');
  const { direct, again, tunnel, native } = servers;
  const urls = { direct, again, through: values.native ? native : tunnel };
  const result = await conformance({ psql, folder: resolve(sql), servers: urls, out, only });
  process.stdout.write(`${formatResult(result)}\n`);
  process.exitCode = ofKind(result, 'unexplained').length > 0 ? 1 : 0;
} finally {
  await stop();
}
