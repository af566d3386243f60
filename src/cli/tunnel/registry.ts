/**
 * The background tunnels of this user: one file each in the state folder, with where to ask the tunnel itself.
 * What the tunnel answers counts; a file whose tunnel does not exist any more is removed by whoever
 * looks first.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { askControl, type ControlRequest, type ControlServer, serveControl } from './control-socket.ts';
import { privateSubfolder } from './private-folder.ts';

/** The folders of gw in which tunnels leave something. */
export interface TunnelFolders {
  readonly state: string;
  readonly runtime: string;
}

export const TunnelSummarySchema = z.object({
  name: z.string(),
  target: z.string(),
  gateway: z.string(),
  pid: z.number().int(),
  host: z.string(),
  port: z.number().int(),
  user: z.string(),
  database: z.string(),
  passfile: z.string().optional(),
  url: z.string(),
  started_at: z.string(),
  ends_at: z.string().optional(),
  connections: z.number().int(),
  /** `connected`, or `reconnecting` while the gateway is away, or `draining`. */
  state: z.string(),
  log: z.string(),
});
export type TunnelSummary = z.infer<typeof TunnelSummarySchema>;

/** `files`: what a killed tunnel leaves behind besides. */
const EntrySchema = z.object({ name: z.string(), socket: z.string(), files: z.array(z.string()).max(8) });
const MAX_ENTRIES = 1_000;

export interface ListedTunnel {
  readonly name: string;
  /** Undefined when the tunnel exists but does not answer. */
  readonly summary: TunnelSummary | undefined;
}

const entriesFolder = (folders: TunnelFolders): string => join(folders.state, 'tunnels');

/** All that run; what is left of dead ones is cleaned away. */
export async function listTunnels(folders: TunnelFolders): Promise<ListedTunnel[]> {
  const files = await readdir(entriesFolder(folders)).catch(() => []);
  const names = files.filter((file) => file.endsWith('.json')).slice(0, MAX_ENTRIES);
  const found = await Promise.all(names.sort().map((file) => look(join(entriesFolder(folders), file))));
  return found.filter((one) => one !== undefined);
}

async function look(file: string): Promise<ListedTunnel | undefined> {
  const entry = await readEntry(file);
  if (entry === undefined) return undefined;
  const answer = await askControl(entry.socket, 'describe');
  if (answer.kind === 'gone') {
    await Promise.all(
      [file, entry.socket, ...entry.files].map((left) => rm(left, { force: true }).catch(() => {})),
    );
    return undefined;
  }
  const summary = TunnelSummarySchema.safeParse(answer.kind === 'answer' ? answer.value : undefined);
  return { name: entry.name, summary: summary.data };
}

async function readEntry(file: string): Promise<z.infer<typeof EntrySchema> | undefined> {
  try {
    return EntrySchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Asks a tunnel to end. False when there is none of that name. */
export async function endTunnel(
  folders: TunnelFolders,
  name: string,
  how: Exclude<ControlRequest, 'describe'>,
): Promise<boolean> {
  const entry = await readEntry(join(entriesFolder(folders), `${fileName(name)}.json`));
  return entry !== undefined && (await askControl(entry.socket, how)).kind === 'answer';
}

export interface Registration {
  remove(): Promise<void>;
}

/**
 * Enters a tunnel under a free name: first the socket that answers for it, then the file that leads there.
 * @throws the system's EEXIST or EADDRINUSE when the name is taken
 */
export async function registerTunnel(
  folders: TunnelFolders,
  name: string,
  files: readonly string[],
  answer: (request: ControlRequest) => unknown,
): Promise<Registration> {
  await privateSubfolder(folders.state, 'tunnels');
  const socket = await controlPath(folders, name);
  const file = join(entriesFolder(folders), `${fileName(name)}.json`);
  const control: ControlServer = await serveControl(socket, answer);
  try {
    await writeFile(file, `${JSON.stringify({ name, socket, files })}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    await control.close();
    throw error;
  }
  return {
    async remove() {
      await rm(file, { force: true });
      await control.close();
    },
  };
}

/** Names are short, since a socket's path is limited to about 100 bytes. */
async function controlPath(folders: TunnelFolders, name: string): Promise<string> {
  const id = createHash('sha256').update(`${folders.state}\0${name}`).digest('hex').slice(0, 12);
  if (process.platform === 'win32') return `\\\\.\\pipe\\gw-${id}`;
  return join(await privateSubfolder(folders.runtime, 'tunnels'), `${id}.sock`);
}

/** A name as a file name: target names already are; what else a person chose is escaped. */
function fileName(name: string): string {
  return encodeURIComponent(name).replaceAll('*', '%2A');
}

/** The log of a background tunnel. */
export function logFile(folders: TunnelFolders, name: string): string {
  return join(folders.state, 'logs', `${fileName(name)}.log`);
}
