import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import type { Socket } from 'node:net';
import type { SessionGrant } from '../../src/contract/api.ts';
import { tunnelAuthority } from '../../src/contract/tunnel.ts';
import { startup } from '../../src/wire/build-frontend.ts';
import type { TestGateway } from './gateway.ts';
import { RawClient } from './raw-client.ts';

/** A tunnel by node:http2: an implementation of HTTP/2 that is not ours. */
export class TunnelClient {
  readonly session: ClientHttp2Session;
  goaway = false;

  private constructor(session: ClientHttp2Session) {
    this.session = session;
    session.on('error', () => {});
    session.on('goaway', () => {
      this.goaway = true;
    });
  }

  static connect({ port, ca }: Pick<TestGateway, 'port' | 'ca'>): Promise<TunnelClient> {
    return new Promise((resolve, reject) => {
      const session = connect(`https://localhost:${port}`, { ca, settings: { enablePush: false } });
      session.once('error', reject);
      session.once('remoteSettings', () => {
        session.off('error', reject);
        resolve(new TunnelClient(session));
      });
    });
  }

  /** A CONNECT stream and the status it was answered with. */
  async request(
    headers: Record<string, string>,
  ): Promise<{ stream: ClientHttp2Stream; status: number; headers: Record<string, unknown> }> {
    const stream = this.session.request({ ':method': 'CONNECT', ...headers }, { endStream: false });
    stream.on('error', () => {});
    const answer = await new Promise<Record<string, unknown>>((resolve, reject) => {
      stream.once('response', (found) => resolve(found as Record<string, unknown>));
      stream.once('close', () => reject(new Error(`closed without an answer (${stream.rstCode})`)));
    });
    return { stream, status: Number(answer[constants.HTTP2_HEADER_STATUS]), headers: answer };
  }

  open(token: string, target: string) {
    return this.request({ ':authority': tunnelAuthority(target), authorization: `Bearer ${token}` });
  }

  /** A refused stream's status and ErrorBody. */
  async refusal(headers: Record<string, string>): Promise<{ status: number; code: string; message: string }> {
    const { stream, status } = await this.request(headers);
    const { error } = JSON.parse(await bodyOf(stream));
    return { status, ...error };
  }

  /** A session, past its first ReadyForQuery. */
  async openSession(grant: SessionGrant, parameters: [string, string][] = []): Promise<RawClient> {
    const { stream, status } = await this.open(grant.token, grant.target);
    if (status !== 200) throw new Error(`refused with ${status}: ${await bodyOf(stream)}`);
    const client = new RawClient(stream as unknown as Socket);
    client.send(startup([['user', grant.user], ...parameters]));
    await client.until('Z');
    return client;
  }

  destroy(): void {
    this.session.destroy();
  }
}

export async function bodyOf(stream: ClientHttp2Stream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
