import { writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { type SessionGrant, SessionGrantSchema } from '../../src/contract/api.ts';
import { Secret } from '../../src/core/secret.ts';
import { gatewayDocument } from '../../src/demo/gateway-config.ts';
import { loadShop, SHOP_DATABASE } from '../../src/demo/shop.ts';
import { loadConfig } from '../../src/gateway/config/config.ts';
import { readJournal } from '../../src/gateway/journal/read.ts';
import type { JournalEntry } from '../../src/gateway/journal/segment-reader.ts';
import { type Gateway, startGateway } from '../../src/gateway/server.ts';
import { freePort } from '../../src/gateway/store/embedded.ts';
import { createLogger } from '../../src/gateway/telemetry/logger.ts';
import { makeCerts, type TestCerts, writeCerts } from './certs.ts';
import { type ChildScript, startScript } from './child.ts';
import { type IdentityProvider, startIdentityProvider, tokensFor } from './idp.ts';
import { startPostgres, type TestPostgres } from './postgres.ts';
import { tempDir } from './temp.ts';

/**
 * Everything a test of the whole needs: PostgreSQL with the sample shop (and the control database in it), the
 * identity provider, and a gateway in this process or, with `child`, as `gw serve`. One per test file, in `beforeAll`.
 */
export interface TestGatewayOptions {
  /** Run the gateway as a child process. */
  readonly child?: boolean;
  /** Changes the configuration (the object that gw.yaml would hold) before the start. */
  // biome-ignore lint/suspicious/noExplicitAny: a test reaches into any corner of the document
  readonly configure?: (document: any) => void;
  /** Default: a fresh one with the shop, which `stop` ends. A given one that has the shop: loaded with its superuser's password. */
  readonly postgres?: TestPostgres;
  readonly idp?: IdentityProvider;
  /** The gateway's TLS towards PostgreSQL; default true (verify-full). */
  readonly upstreamTls?: boolean;
}

export interface TestGateway {
  /** `https://localhost:<port>` */
  readonly url: string;
  readonly port: number;
  /** `http://127.0.0.1:<port>`, with /healthz /readyz /metrics. */
  readonly adminUrl: string;
  /** PEM and path of the authority that signed the gateway's certificate. */
  readonly ca: string;
  readonly caFile: string;
  readonly certs: TestCerts;
  readonly idp: IdentityProvider;
  readonly postgres: TestPostgres;
  readonly configFile: string;
  /** Folder with the gateway's data (`data/journal/…`). */
  readonly folder: string;
  /** Absent when it runs as a child. */
  readonly gateway: Gateway | undefined;
  readonly child: ChildScript | undefined;
  /** Log lines so far (JSON); of a gateway in this process. */
  readonly log: readonly string[];
  /** A session grant, obtained as the CLI does: sign-in, then the API. Target default `prod-db`. */
  sessionGrant(login: string, target?: string): Promise<SessionGrant>;
  /** The journal so far, oldest first. */
  journal(): Promise<JournalEntry[]>;
  /** A libpq URL for a native connection: database is `target` or `target/database`, password the session grant. */
  nativeUrl(grant: SessionGrant, database?: string): string;
  /** Changes the configuration file and takes it into use, as SIGHUP does (in this process only). */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  reconfigure(change: (document: any) => void): Promise<void>;
  /** Stops the gateway alone, as SIGTERM does. `drainMs` counts in this process only. */
  stopGateway(drainMs?: number): Promise<void>;
  /** Starts it again with the same port, data and configuration. */
  startAgain(): Promise<void>;
  stop(): Promise<void>;
}

const GW = join(import.meta.dirname, '../../bin/gw.js');

export async function startTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const folder = tempDir('gateway').path;
  const certs = await makeCerts();
  const files = writeCerts(folder, certs);
  const idp = options.idp ?? (await startIdentityProvider());
  const postgres = options.postgres ?? (await startPostgres({ tls: certs }));
  const document = await prepare(folder, files, idp, postgres, options);
  const configFile = join(folder, 'gw.yaml');
  const log: string[] = [];
  let gateway: Gateway | undefined;
  let child: ChildScript | undefined;

  const startAgain = async (): Promise<void> => {
    writeFileSync(configFile, JSON.stringify(document, null, 2));
    if (options.child) {
      child = startScript(GW, ['serve', '--config', configFile]);
      await untilReady(child, `http://${document.admin.listen}/readyz`);
      return;
    }
    const logger = createLogger('debug', { write: (line) => void log.push(line) });
    gateway = await startGateway(await loadConfig(configFile), logger);
  };
  const stopGateway = async (drainMs = 0): Promise<void> => {
    child?.process.kill('SIGTERM');
    await Promise.all([gateway?.stop('test', drainMs), child?.ended]);
    gateway = undefined;
    child = undefined;
  };
  const stop = async (): Promise<void> => {
    await stopGateway();
    if (options.idp === undefined) await idp.stop();
    if (options.postgres === undefined) await postgres.stop();
  };
  await startAgain().catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  const url = document.public_url;
  return {
    url,
    port: Number(new URL(url).port),
    adminUrl: `http://${document.admin.listen}`,
    ca: certs.ca,
    caFile: files.ca,
    certs,
    idp,
    postgres,
    configFile,
    folder,
    get gateway() {
      return gateway;
    },
    get child() {
      return child;
    },
    log,
    async sessionGrant(login, target = 'prod-db') {
      const { access_token } = await tokensFor(idp, login);
      return SessionGrantSchema.parse(
        await post(`${url}/v1/session-grants`, certs.ca, access_token, { target }),
      );
    },
    async journal() {
      const entries: JournalEntry[] = [];
      for await (const entry of readJournal(join(folder, 'data', 'journal'))) entries.push(entry);
      return entries;
    },
    nativeUrl(grant, database) {
      const name = database === undefined ? grant.target : `${grant.target}/${database}`;
      const native = new URL(`postgres://localhost:${new URL(url).port}/${encodeURIComponent(name)}`);
      native.username = encodeURIComponent(grant.user);
      native.password = encodeURIComponent(grant.token);
      native.search = new URLSearchParams({ sslmode: 'verify-full', sslrootcert: files.ca }).toString();
      return native.href;
    },
    async reconfigure(change) {
      change(document);
      writeFileSync(configFile, JSON.stringify(document, null, 2));
      await gateway?.apply(await loadConfig(configFile));
    },
    stopGateway,
    startAgain,
    stop,
  };
}

/** Databases, password files, and the configuration document. */
async function prepare(
  folder: string,
  files: { ca: string; cert: string; key: string },
  idp: IdentityProvider,
  postgres: TestPostgres,
  options: TestGatewayOptions,
  // biome-ignore lint/suspicious/noExplicitAny: as above
): Promise<any> {
  const passwordFile = join(folder, 'shop.password');
  const controlUrlFile = join(folder, 'control.url');
  const found = await postgres.query('select 1 from pg_database where datname = $1', [SHOP_DATABASE]);
  if (found.length === 0) await loadShop(postgres, new Secret(postgres.password));
  const control = `control_${await freePort()}`;
  await postgres.query(`create database ${control}`);
  writeFileSync(passwordFile, postgres.password, { mode: 0o600 });
  writeFileSync(controlUrlFile, postgres.url(control), { mode: 0o600 });
  const document = gatewayDocument({
    port: await freePort(),
    adminPort: await freePort(),
    files,
    data: join(folder, 'data'),
    idp,
    database: { port: postgres.port, tls: options.upstreamTls ?? true },
    passwordFile,
    controlUrlFile,
  });
  options.configure?.(document);
  return document;
}

/** Polls until the child says it is ready; rejects with its stderr when it ends instead. */
async function untilReady(child: ChildScript, url: string): Promise<void> {
  const ended = child.ended.then(() => child.line().then(() => 'ended' as const));
  const ready = async (): Promise<'ready'> => {
    for (;;) {
      const answer = await fetch(url).catch(() => undefined);
      if (answer?.ok) return 'ready';
      await new Promise((done) => setTimeout(done, 50));
    }
  };
  await Promise.race([ready(), ended]);
}

function post(url: string, ca: string, token: string, body: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'gw-api-version': '1',
    };
    const outgoing = request(url, { method: 'POST', ca, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.once('end', () => {
        if (response.statusCode === 200 || response.statusCode === 201) resolve(JSON.parse(text));
        else reject(new Error(`${url} answered ${response.statusCode}: ${text}`));
      });
    });
    outgoing.once('error', reject).end(JSON.stringify(body));
  });
}
