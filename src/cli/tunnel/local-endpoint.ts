/**
 * Opens the local end of a tunnel as it was asked for (a port, a socket, a password) and says how to reach it.
 * What it leaves on disk is listed, so that it can be removed also after this process was killed.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { GwError } from '../../core/errors.ts';
import type { Endpoint } from './endpoint.ts';
import { peerGuard } from './listener.ts';
import { LocalPassword } from './local-password.ts';
import type { LocalServer } from './local-server.ts';
import { privateFolder, privateSubfolder } from './private-folder.ts';
import type { TunnelFolders } from './registry.ts';
import { portCandidates, rememberedPort, rememberPort } from './stable-port.ts';
import type { Tunnel } from './tunnel.ts';

export interface LocalWishes {
  /** A fixed port, 0 for any free one; without it the target's own. */
  readonly port?: number | undefined;
  /** A unix socket instead of a port, in this folder or, for `true`, in one of gw's. */
  readonly socket?: string | true | undefined;
  /** Clients show the per-tunnel password, even where the system could tell who they are. */
  readonly password?: boolean | undefined;
  /** Instead of the target's default. */
  readonly database?: string | undefined;
}

export interface LocalEndpoint {
  readonly endpoint: Endpoint;
  /** Files that exist as long as the endpoint. */
  readonly files: readonly string[];
  /** Removes them. The listener is closed by the tunnel. */
  remove(): Promise<void>;
}

const POSTGRES_PORT = 5432;

/** @throws GwError `usage` for a taken port, `configuration` for a folder others can enter */
export async function openLocalEndpoint(
  tunnel: Tunnel,
  gateway: URL,
  folders: TunnelFolders,
  wishes: LocalWishes,
): Promise<LocalEndpoint> {
  const key = `${gateway.origin} ${tunnel.way.target}`;
  const server = await (wishes.socket === undefined
    ? listenOnPort(tunnel, key, folders, wishes.port)
    : listenOnSocket(tunnel, key, folders, wishes.socket, wishes.port));
  const password = await guard(tunnel, server, folders, wishes);
  const files = server.path === undefined ? [] : [server.path];
  if (password?.file !== undefined) files.push(password.file);
  return {
    endpoint: {
      host: server.host,
      port: server.port,
      user: tunnel.grant.user,
      database: wishes.database ?? tunnel.grant.database,
      passfile: password?.file,
      password: password?.password,
    },
    files,
    remove: async () => await password?.remove(),
  };
}

async function listenOnPort(
  tunnel: Tunnel,
  key: string,
  folders: TunnelFolders,
  port: number | undefined,
): Promise<LocalServer> {
  if (port !== undefined) return tunnel.listener.listen({ kind: 'tcp', ports: [port] });
  const file = join(folders.state, 'ports.json');
  const ports = portCandidates(key, await rememberedPort(file, key));
  const server = await tunnel.listener.listen({ kind: 'tcp', ports });
  // A state folder that cannot be written costs the memory of the port, not the tunnel.
  await rememberPort(file, key, server.port).catch(() => {});
  return server;
}

async function listenOnSocket(
  tunnel: Tunnel,
  key: string,
  folders: TunnelFolders,
  socket: string | true,
  port: number | undefined,
): Promise<LocalServer> {
  if (process.platform === 'win32') {
    throw new GwError('unsupported', 'PostgreSQL clients on Windows do not use unix sockets.', {
      hint: 'Leave out --socket.',
    });
  }
  // Short and the same each time, one for each target.
  const name = createHash('sha256').update(key).digest('hex').slice(0, 8);
  const folder =
    socket === true ? await privateSubfolder(folders.runtime, name) : await privateFolder(socket, 'given');
  return tunnel.listener.listen({ kind: 'unix', folder, port: port || POSTGRES_PORT });
}

/** Decides how clients are told apart from other users' and tells the listener. */
async function guard(
  tunnel: Tunnel,
  server: LocalServer,
  folders: TunnelFolders,
  wishes: LocalWishes,
): Promise<LocalPassword | undefined> {
  if (!wishes.password) {
    const found = server.path === undefined ? await peerGuard(server) : ({ kind: 'folder' } as const);
    if (found !== undefined) {
      tunnel.listener.guardWith(found);
      return undefined;
    }
  }
  const password = new LocalPassword();
  const host = server.path === undefined ? undefined : server.host;
  await password.write(await privateSubfolder(folders.runtime, 'tunnels'), server.port, host);
  tunnel.listener.guardWith({ kind: 'password', password });
  return password;
}
