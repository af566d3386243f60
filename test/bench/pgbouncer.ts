import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from '../../src/gateway/store/embedded.ts';
import { chooseRunAs } from '../../src/gateway/store/run-as.ts';
import type { Server } from './processes.ts';
import { sleep, startServer } from './processes.ts';

/** One PgBouncer in session mode, without a password of its own; it refuses to run as root, so it need not. */
export interface PgBouncerOptions {
  readonly program: string;
  /** A folder only for it; made. */
  readonly folder: string;
  readonly upstreamPort: number;
  readonly login: { readonly user: string; readonly password: string };
  readonly database: string;
  /** TLS towards clients, with this certificate and key (PEM). */
  readonly clientTls?: { readonly cert: string; readonly key: string };
  readonly upstreamTls?: boolean;
}

const CONNECTIONS = 200;
const START_ATTEMPTS = 100;

export async function startPgBouncer(options: PgBouncerOptions): Promise<Server & { readonly port: number }> {
  const { folder, login } = options;
  const port = await freePort();
  const runAs = await chooseRunAs();
  mkdirSync(folder, { mode: 0o700 });
  const write = (name: string, text: string): string => {
    const file = join(folder, name);
    writeFileSync(file, text, { mode: 0o600 });
    if (runAs) chownSync(file, runAs.uid, runAs.gid);
    return file;
  };
  const users = write('users.txt', `"${login.user}" "${login.password}"\n`);
  const tls = options.clientTls && {
    client_tls_sslmode: 'require',
    client_tls_cert_file: write('tls.crt', options.clientTls.cert),
    client_tls_key_file: write('tls.key', options.clientTls.key),
  };
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    pool_mode: 'session',
    auth_type: 'trust',
    auth_file: users,
    max_client_conn: CONNECTIONS,
    default_pool_size: CONNECTIONS,
    ignore_startup_parameters: 'extra_float_digits',
    ...tls,
    ...(options.upstreamTls ? { server_tls_sslmode: 'require' } : {}),
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  const file = write(
    'pgbouncer.ini',
    `[databases]\n* = host=127.0.0.1 port=${options.upstreamPort}\n[pgbouncer]\n${lines.join('\n')}\n`,
  );
  if (runAs) chownSync(folder, runAs.uid, runAs.gid);
  const server = startServer(options.program, ['-q', file], { ...runAs, cwd: '/' });
  await untilListening(port, server);
  return { ...server, port };
}

async function untilListening(port: number, server: Server): Promise<void> {
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt++) {
    if (server.child.exitCode !== null) break;
    if (await accepts(port)) return;
    await sleep(50);
  }
  throw new Error(`PgBouncer did not start: ${server.stderr()}`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}
