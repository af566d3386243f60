import { Secret } from '../core/secret.ts';
import { runScript } from '../gateway/store/database.ts';
import { SHOP_ROWS } from './shop-rows.ts';
import { SHOP_SCHEMA } from './shop-schema.ts';

/** The sample database: a shop with customers, orders, payments and employees, and the login gw reaches it with. */
export const SHOP_DATABASE = 'shop';
export const SHOP_LOGIN = 'gw_shop';

/**
 * Makes the database `shop`, fills it, and makes the role `gw_shop`, which may read and write the shop and is
 * nothing else. The server must not have them yet.
 * @param server where: `url` gives a superuser's connection URL for a database
 * @param password of `gw_shop`
 */
export async function loadShop(
  server: { url(database?: string): Secret | string },
  password: Secret,
): Promise<void> {
  const at = (database?: string): Secret => {
    const url = server.url(database);
    return typeof url === 'string' ? new Secret(url) : url;
  };
  await runScript(at(), 'make the sample database', `CREATE DATABASE ${SHOP_DATABASE}`);
  await runScript(
    at(SHOP_DATABASE),
    'fill the sample database',
    `${SHOP_SCHEMA}${SHOP_ROWS}${roles(password)}`,
  );
}

function roles(password: Secret): string {
  const literal = `'${password.reveal().replaceAll("'", "''")}'`;
  return `
SET standard_conforming_strings = on;
CREATE ROLE ${SHOP_LOGIN} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD ${literal};
ALTER DATABASE ${SHOP_DATABASE} SET search_path = shop, public;
GRANT CONNECT, TEMPORARY ON DATABASE ${SHOP_DATABASE} TO ${SHOP_LOGIN};
GRANT USAGE ON SCHEMA shop TO ${SHOP_LOGIN};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA shop TO ${SHOP_LOGIN};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA shop TO ${SHOP_LOGIN};
`;
}
