import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '../core/secret.ts';
import { loadConfig } from '../gateway/config/config.ts';
import { startGateway } from '../gateway/server.ts';
import { freePort, startEmbedded } from '../gateway/store/embedded.ts';
import { createLogger } from '../gateway/telemetry/logger.ts';
import { createAuthority } from './certificates.ts';
import { gatewayDocument } from './gateway-config.ts';
import { type IdentityProvider, startIdentityProvider } from './identity-provider.ts';
import { loadShop, SHOP_LOGIN } from './shop.ts';

/**
 * Everything the demo needs, in this process and one temporary folder: PostgreSQL with the shop, the identity
 * provider, the gateway. `strike` takes all of it away again.
 */
export interface Stage {
  readonly url: string;
  readonly adminUrl: string;
  readonly folder: string;
  readonly dataFolder: string;
  readonly idp: IdentityProvider;
  /** What only the gateway knows; the tour shows that it appears nowhere. */
  readonly databasePassword: Secret;
  /** The environment of a person's CLI: this gateway's CA, and folders of its own. */
  personEnv(name: string): NodeJS.ProcessEnv;
  strike(): Promise<void>;
}

/** @param progress told what is being started */
export async function setStage(progress: (text: string) => void): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'gw-demo-'));
  await chmod(folder, 0o711); // PostgreSQL, when it runs as another user, passes through
  const undo: (() => Promise<unknown>)[] = [
    () => rm(folder, { recursive: true, force: true, maxRetries: 3 }),
  ];
  const strike = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step().catch(() => undefined);
  };
  try {
    const databasePassword = new Secret(randomBytes(18).toString('base64url'));
    progress('PostgreSQL with a sample shop: customers, orders, payments, employees');
    const postgres = await startEmbedded({
      dataDir: join(folder, 'database'),
      password: new Secret(randomBytes(18).toString('base64url')),
      durable: false,
      cacheParent: folder,
    });
    undo.push(() => postgres.stop());
    await loadShop(postgres, databasePassword);
    progress('an OpenID provider: alice (engineers), bob (dba), carol (support), dave (no group)');
    const idp = await startIdentityProvider();
    undo.push(() => idp.stop());
    progress('the gateway');
    const { url, adminUrl, stop } = await openGateway(
      folder,
      idp,
      postgres.port,
      postgres.url(),
      databasePassword,
    );
    undo.push(stop);
    return {
      url,
      adminUrl,
      folder,
      dataFolder: join(folder, 'gateway'),
      idp,
      databasePassword,
      personEnv: (name) => personEnv(folder, name),
      strike,
    };
  } catch (error) {
    await strike();
    throw error;
  }
}

async function openGateway(
  folder: string,
  idp: IdentityProvider,
  databasePort: number,
  controlUrl: Secret,
  password: Secret,
): Promise<{ url: string; adminUrl: string; stop(): Promise<void> }> {
  const authority = await createAuthority();
  const leaf = await authority.issue();
  const files = { ca: join(folder, 'ca.crt'), cert: join(folder, 'gw.crt'), key: join(folder, 'gw.key') };
  await writeFile(files.ca, authority.cert);
  await writeFile(files.cert, leaf.cert);
  await writeFile(files.key, leaf.key, { mode: 0o600 });
  const passwordFile = join(folder, `${SHOP_LOGIN}.password`);
  const controlUrlFile = join(folder, 'control.url');
  await writeFile(passwordFile, password.reveal(), { mode: 0o600 });
  await writeFile(controlUrlFile, controlUrl.reveal(), { mode: 0o600 });
  const [port, adminPort] = [await freePort(), await freePort()];
  const configPath = join(folder, 'gw.yaml');
  const document = gatewayDocument({
    port,
    adminPort,
    files,
    data: join(folder, 'gateway'),
    idp,
    database: { port: databasePort, tls: false },
    passwordFile,
    controlUrlFile,
  });
  await writeFile(configPath, JSON.stringify(document, null, 2));
  const gateway = await startGateway(await loadConfig(configPath), createLogger('silent'));
  return {
    url: `https://localhost:${port}`,
    adminUrl: `http://127.0.0.1:${adminPort}`,
    stop: () => gateway.stop('demo ended', 0),
  };
}

/** Nothing of the person who runs the demo gets in, and nothing of the demo gets out. */
function personEnv(folder: string, name: string): NodeJS.ProcessEnv {
  const home = join(folder, 'people', name);
  const kept = Object.entries(process.env).filter(
    ([key]) => !/^(GW_|PG|XDG_|HTTPS?_PROXY$|ALL_PROXY$)/i.test(key),
  );
  return {
    ...Object.fromEntries(kept),
    HOME: home,
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_STATE_HOME: join(home, 'state'),
    XDG_DATA_HOME: join(home, 'data'),
    XDG_CACHE_HOME: join(home, 'cache'),
    XDG_RUNTIME_DIR: join(home, 'run'),
    GW_KEYRING: 'file',
    GW_CA: join(folder, 'ca.crt'),
    NO_COLOR: '1',
  };
}

/** Makes the folders that `personEnv` names. */
export async function makeHome(env: NodeJS.ProcessEnv): Promise<void> {
  for (const key of [
    'HOME',
    'XDG_CONFIG_HOME',
    'XDG_STATE_HOME',
    'XDG_DATA_HOME',
    'XDG_CACHE_HOME',
    'XDG_RUNTIME_DIR',
  ]) {
    await mkdir(env[key]!, { recursive: true, mode: 0o700 });
  }
}
