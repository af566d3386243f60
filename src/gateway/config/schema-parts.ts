import { z } from 'zod';

/**
 * The small pieces of the file's schema. Nothing is transformed here, so that the same schema describes
 * the file for editors (JSON Schema). A custom error text is `message\nhint`, see `say`.
 */

export function say(message: string, hint?: string): string {
  return hint === undefined ? message : `${message}\n${hint}`;
}

/** Text without control characters, which would end up in logs and in the protocol. */
export const text = (max = 256) =>
  z
    .string()
    .min(1, say('is empty'))
    .max(max, say(`is longer than ${max} characters`))
    .regex(/^[^\u0000-\u001f\u007f]*$/, say('holds a control character'));

export const NAME = /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/;
export const NAME_HINT =
  'Use 1 to 63 lower-case letters, digits, ".", "_" and "-", beginning and ending with a letter or digit.';

export const name = () => z.string().regex(NAME, say('is not a name', NAME_HINT));

export const duration = () =>
  z.string().regex(/^(\d{1,9}(ms|s|m|h|d))+$/, say('is not a duration', 'Write it as 90s, 30m or 1h30m.'));

export const path = () => text(4096).describe('A path; relative to the folder of this file.');

/** https, or http on the machine itself, where nobody else can read along. */
export const httpsUrl = () =>
  z
    .string()
    .max(2048, say('is longer than 2048 characters'))
    .regex(/^https?:\/\/[^\s]+$/, say('is not a URL', 'Write it as https://host/path.'))
    .refine((value) => isSafeUrl(value), {
      error: say('must begin with https://', 'http:// is accepted for loopback addresses only.'),
    });

/** True for https, and for http on a loopback host. False for what is no URL or carries a password. */
export function isSafeUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const url = new URL(value);
  if (url.username !== '' || url.password !== '') return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname));
}

/** `localhost`, 127.0.0.0/8 and ::1, as a URL's `hostname` shows them. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' || hostname === '[::1]' || hostname === '::1' || /^127(\.\d+){3}$/.test(hostname)
  );
}

export const host = () =>
  z
    .string()
    .regex(
      /^([A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9.])?|[0-9A-Fa-f:.]{0,45}:[0-9A-Fa-f:.]{0,45}:[0-9A-Fa-f:.]{0,45})$/,
      say('is not a host name or address', 'Write the host only; the port stands beside it as "port".'),
    )
    .refine((value) => !/:.*:/.test(value) || URL.canParse(`http://[${value}]/`), {
      error: say('is not an IPv6 address'),
    });

const HOST_PORT = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253})):(\d{1,5})$/;

/** Reads `0.0.0.0:8443`, `localhost:0`, `[::1]:8443`; undefined when it is something else. */
export function parseHostPort(value: string): { host: string; port: number } | undefined {
  const match = HOST_PORT.exec(value);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) return undefined;
  if (match[1] !== undefined && !URL.canParse(`http://[${match[1]}]/`)) return undefined;
  return { host: match[1] ?? match[2]!, port };
}

export const hostPort = () =>
  z.string().refine((value) => parseHostPort(value) !== undefined, {
    error: say('is not an address to listen on', 'Write it as 0.0.0.0:8443, localhost:8443 or [::]:8443.'),
  });

const env = () =>
  z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, say('is not the name of an environment variable'))
    .describe('Name of an environment variable of the gateway.');

const WHERE = 'Write { env: NAME } or { file: /path/to/secret }.';
const WHERE_OR_HOW =
  'Write { env: NAME }, { file: /path/to/secret } or { command: [program, argument], ttl: 5m }.';

/** Somebody who wrote the secret itself should hear so; anybody else that one source is enough. */
const notASource =
  (hint: string) =>
  ({ input }: { readonly input?: unknown }): string =>
    typeof input === 'object'
      ? say('must name one place where the secret is', hint)
      : say('must say where the secret is, not what it is', hint);

const fromEnv = () => z.strictObject({ env: env() });
const fromFile = () => z.strictObject({ file: path() });
const fromCommand = () =>
  z.strictObject({
    command: z
      .array(z.string().max(4096))
      .min(1, say('is empty', 'Give the program and its arguments as a list.'))
      .max(100)
      .describe('Program and arguments; run without a shell. Its standard output is the secret.'),
    ttl: duration()
      .optional()
      .describe('How long the secret is used before the command runs again. Default 5m.'),
  });

export const storedSecret = () => z.union([fromEnv(), fromFile()], { error: notASource(WHERE) });
export const secretSource = () =>
  z.union([fromEnv(), fromFile(), fromCommand()], { error: notASource(WHERE_OR_HOW) });
