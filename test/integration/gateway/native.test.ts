import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';

describe('a native connection', () => {
  let gw: TestGateway;
  beforeAll(async () => {
    gw = await startTestGateway();
  });
  afterAll(() => gw.stop());

  it('reaches the shop with a session grant as password, and the journal says who did what', async () => {
    const grant = await gw.sessionGrant('alice');
    const client = new pg.Client({ connectionString: gw.nativeUrl(grant) });
    await client.connect();
    const { rows } = await client.query('select name from customers where id = $1', [1]);
    expect(rows).toEqual([{ name: "Mateo O'Brien" }]);
    await client.end();
    const journal = JSON.stringify(await gw.journal());
    expect(journal).toContain('select name from customers where id = $1');
    expect(journal).toContain('alice');
    expect(journal).not.toContain(grant.token);
  });

  it('is refused to people whose groups do not reach the target', async () => {
    await expect(gw.sessionGrant('carol')).rejects.toThrow(/404|403/);
  });

  it('says that it is ready', async () => {
    expect((await fetch(`${gw.adminUrl}/readyz`)).status).toBe(200);
  });
});
