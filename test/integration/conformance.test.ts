import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { conformance, type FileDifference } from '../conformance/conformance.ts';
import { findPsql } from '../conformance/psql.ts';
import { type ConformanceServers, startConformanceServers } from '../conformance/servers.ts';
import { tempDir } from '../support/temp.ts';

/** The relay is invisible: psql prints through the gateway, byte for byte, what it prints directly. */
const folder = join(import.meta.dirname, '../conformance/sql');
const psql = findPsql();
const title = psql
  ? 'psql through the gateway'
  : 'psql through the gateway (skipped: psql is missing, apt install postgresql-client)';

describe.skipIf(!psql)(title, () => {
  let servers: ConformanceServers;
  beforeAll(async () => {
    servers = await startConformanceServers();
  });
  afterAll(() => servers?.stop());

  const run = async (through: string): Promise<{ files: number; differences: FileDifference[] }> => {
    const { direct, again } = servers;
    const out = tempDir('conformance').path;
    const result = await conformance({ psql: psql!, folder, servers: { direct, again, through }, out });
    return {
      files: result.files,
      differences: result.differences.filter(({ kind }) => kind !== 'unstable' && kind !== 'notice-line'),
    };
  };

  it('prints the same through gw connect', async () => {
    expect(await run(servers.tunnel)).toEqual({ files: 8, differences: [] });
  });

  it('prints the same on the native port', async () => {
    expect(await run(servers.native)).toEqual({ files: 8, differences: [] });
  });
});
