import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../../src/core/secret.ts';
import { loadShop } from '../../../src/demo/shop.ts';
import { startPostgres, type TestPostgres } from '../../support/postgres.ts';

describe('the sample shop', () => {
  let server: TestPostgres;
  const password = "it's a \\ secret";
  const ask = (sql: string) => server.query(sql, [], 'shop');
  beforeAll(async () => {
    server = await startPostgres();
    await loadShop(server, new Secret(password));
  });
  afterAll(() => server.stop());

  it('has the rows it says', async () => {
    expect(
      await ask(`select (select count(*) from customers)::int as customers, (select count(*) from orders)::int as orders,
                        (select count(*) from employees)::int as employees, (select count(distinct country) from customers)::int as countries,
                        (select count(*) from payments_2024) > 500 and (select count(*) from payments_2025) > 500 as both_years,
                        (select count(*) from payments_later)::int as later, (select min(spent) from customer_overview) > 0 as all_bought`),
    ).toEqual([
      {
        customers: 500,
        orders: 2000,
        employees: 40,
        countries: 8,
        both_years: true,
        later: 0,
        all_bought: true,
      },
    ]);
  });

  it('is the same every time', async () => {
    const rows = await ask(`
      select md5(string_agg(c::text, '|' order by id)) from customers c union all
      select md5(string_agg(p::text, '|' order by id)) from payments p union all
      select md5(string_agg(i::text, '|' order by order_id, line)) from order_items i union all
      select md5(string_agg(e::text, '|' order by id)) from employees e`);
    expect(createHash('sha256').update(JSON.stringify(rows)).digest('hex')).toMatchInlineSnapshot(
      `"ff12b49c0f0eeb57fb0661410687b8d630caeb96a373621f1e9146297c797099"`,
    );
  });

  it('looks real: card numbers and IBANs check, addresses fit their countries', async () => {
    const payments = await ask('select card_number, iban from payments');
    for (const { card_number: card, iban } of payments) {
      expect(card === null ? ibanRemainder(iban) : luhnSum(card) % 10).toBe(card === null ? 1n : 0);
    }
    expect(await ask('select count(distinct (city, country))::int as places from customers')).toEqual([
      { places: 8 },
    ]);
    expect(
      await ask(`select email from customers where email !~ '^[a-z0-9.]+@example[.](com|org|net)$'`),
    ).toEqual([]);
    expect(await ask('select name, email, phone, ssn, country from customers where id = 1')).toEqual([
      {
        name: "Mateo O'Brien",
        email: 'mateo.obrien1@example.org',
        phone: '+49 341 555 0007',
        ssn: '901-41-0271',
        country: 'DE',
      },
    ]);
  });

  it('lets its login read and write, and do nothing else', async () => {
    const asLogin = (sql: string) => server.query(sql, [], 'shop', { user: 'gw_shop', password });
    expect(await asLogin('select name from customers where id = 1')).toHaveLength(1);
    await asLogin(`insert into orders (customer_id) values (1)`);
    await asLogin(`delete from orders where status = 'new' and placed_at > now() - interval '1 hour'`);
    await expect(asLogin('create table shop.x (a int)')).rejects.toMatchObject({ code: '42501' });
    await expect(asLogin('create role x')).rejects.toMatchObject({ code: '42501' });
    await expect(asLogin("select pg_read_file('/etc/passwd')")).rejects.toMatchObject({ code: '42501' });
  });
});

function luhnSum(card: string): number {
  const digits = [...card].reverse().map(Number);
  return digits.reduce((sum, digit, i) => sum + (i % 2 === 0 ? digit : digit * 2 - (digit > 4 ? 9 : 0)), 0);
}

function ibanRemainder(iban: string): bigint {
  const moved = iban.slice(4) + iban.slice(0, 4);
  return BigInt(moved.replace(/[A-Z]/g, (letter) => String(letter.charCodeAt(0) - 55))) % 97n;
}
