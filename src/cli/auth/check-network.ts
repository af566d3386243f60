/** The way to a gateway, step by step: name, connection, certificate. Each step tells what it found. */
import { lookup } from 'node:dns/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { LIMITS } from '../../core/limits.ts';
import { formatDuration } from '../../core/units.ts';
import { explainNetworkError } from '../render/network-error.ts';
import { type Check, fail, ok, warn } from './check.ts';
import type { Trust } from './trust.ts';

const WARN_BEFORE_MS = 14 * 86_400_000;

/** Stops at the first step that fails. */
export async function checkWay(url: URL, trust: Trust, nowMs: number): Promise<Check[]> {
  const [host, port] = [hostOf(url), portOf(url)];
  const checks: Check[] = [];
  const step = async (check: Promise<Check>): Promise<boolean> => {
    checks.push(await check);
    return checks.at(-1)!.result !== 'fail';
  };
  if (!(await step(checkName(host)))) return checks;
  if (!(await step(checkTcp(host, port)))) return checks;
  if (url.protocol === 'https:') await step(checkTls(url, trust, nowMs));
  return checks;
}

const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '');
const portOf = (url: URL): number => Number(url.port || (url.protocol === 'http:' ? 80 : 443));

async function checkName(host: string): Promise<Check> {
  if (isIP(host)) return ok('name', `${host} is an address`);
  try {
    const addresses = await lookup(host, { all: true });
    return ok('name', `${host} is ${addresses.map((one) => one.address).join(', ')}`);
  } catch (error) {
    const { what, fix } = explainNetworkError(error);
    return fail('name', `${host}: ${what}`, fix);
  }
}

async function checkTcp(host: string, port: number): Promise<Check> {
  const startedAt = performance.now();
  try {
    const socket = await opened(connectTcp({ host, port }), 'connect');
    const ms = Math.round(performance.now() - startedAt);
    socket.destroy();
    return ok('connection', `${host}:${port} answers in ${ms} ms`);
  } catch (error) {
    const { what, fix } = explainNetworkError(error);
    return fail('connection', `${host}:${port}: ${what}`, fix);
  }
}

async function checkTls(url: URL, trust: Trust, nowMs: number): Promise<Check> {
  const [host, port] = [hostOf(url), portOf(url)];
  let error = await tryTls(host, port, trust.rootsFor(url));
  if (explainNetworkError(error).untrusted && trust.widen(url)) {
    error = await tryTls(host, port, trust.rootsFor(url));
  }
  try {
    // Once more without judging, to see the certificate that was or was not accepted.
    const options = { host, port, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'], ...sni(host) };
    const socket = await opened<TLSSocket>(connectTls(options), 'secureConnect');
    const certificate = socket.getPeerCertificate(true);
    const version = socket.getProtocol() ?? '';
    socket.destroy();
    return judge(certificate, version, error, nowMs);
  } catch (cause) {
    const { what, fix } = explainNetworkError(error ?? cause);
    return fail('certificate', `${host}:${port}: ${what}`, fix);
  }
}

async function tryTls(host: string, port: number, ca: string | undefined): Promise<unknown> {
  try {
    const options = {
      host,
      port,
      ALPNProtocols: ['http/1.1'],
      ...sni(host),
      ...(ca === undefined ? {} : { ca }),
    };
    (await opened(connectTls(options), 'secureConnect')).destroy();
    return undefined;
  } catch (error) {
    return error;
  }
}

const sni = (host: string): { servername?: string } => (isIP(host) ? {} : { servername: host });

function judge(certificate: DetailedPeerCertificate, version: string, error: unknown, nowMs: number): Check {
  const endsAt = Date.parse(certificate.valid_to);
  const names =
    certificate.subjectaltname?.replace(/DNS:|IP Address:/g, '') ?? String(certificate.subject?.CN ?? '');
  const root = chainOf(certificate).at(-1);
  const issuer = String(root?.issuer?.CN ?? root?.issuer?.O ?? 'unknown');
  const about = `${version}, for ${names}, signed under "${issuer}"`;
  if (error !== undefined) {
    const { what, fix } = explainNetworkError(error);
    return fail('certificate', `${what} It is ${about}.`, fix);
  }
  const left = endsAt - nowMs;
  const ends = `ends in ${formatDuration(left)}`;
  if (left < WARN_BEFORE_MS)
    return warn('certificate', `${about}, ${ends}`, 'Ask who runs the gateway to renew it.');
  return ok('certificate', `${about}, ${ends}`);
}

/** A certificate and those above it; a root is its own issuer. */
function chainOf(leaf: DetailedPeerCertificate): DetailedPeerCertificate[] {
  const chain = [leaf];
  for (let depth = 0; depth < 10; depth++) {
    const next = chain.at(-1)!.issuerCertificate;
    if (!next || next.fingerprint256 === chain.at(-1)!.fingerprint256) break;
    chain.push(next);
  }
  return chain;
}

function opened<S extends Socket>(socket: S, event: 'connect' | 'secureConnect'): Promise<S> {
  return new Promise((resolve, reject) => {
    const late = Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' });
    const timer = setTimeout(() => socket.destroy(late), LIMITS.cliConnectTimeoutMs);
    socket.once(event, () => {
      clearTimeout(timer);
      resolve(socket);
    });
    // Stays, so that an error after the first does not end the process.
    socket.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}
