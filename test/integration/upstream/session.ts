import type { Channel } from '../../../src/core/channel.ts';
import type { GwError } from '../../../src/core/errors.ts';
import type { UpstreamStartup, UpstreamTarget } from '../../../src/gateway/upstream/types.ts';
import { Upstream, type UpstreamOptions } from '../../../src/gateway/upstream/upstream.ts';
import { decodeBackendKeyData, decodeDataRow, decodeParameterStatus } from '../../../src/wire/backend.ts';
import { query, terminate } from '../../../src/wire/build-frontend.ts';
import { decodeErrorResponse } from '../../../src/wire/notice-fields.ts';

/** A little client on a channel, so that tests can see what kind of session they got. */
export interface TestSession extends AsyncDisposable {
  readonly parameters: ReadonlyMap<string, string>;
  readonly processId: number;
  readonly secret: Buffer;
  readonly negotiation: Buffer | undefined;
  /** Rows of a simple query, as text. Throws with the SQLSTATE as `code`. */
  rows(sql: string): Promise<(string | null)[][]>;
}

export const STARTUP: UpstreamStartup = {
  database: 'postgres',
  protocol: { major: 3, minor: 0 },
  parameters: [['application_name', 'upstream test']],
};

export const upstream = (
  target: UpstreamTarget,
  environment: NodeJS.ProcessEnv = {},
  options: UpstreamOptions = {},
) => new Upstream(target, { environment, ...options });

export async function openSession(
  by: Upstream,
  startup: Partial<UpstreamStartup> = {},
): Promise<TestSession> {
  const { channel, negotiation } = await by.connect({ ...STARTUP, ...startup });
  const messages = read(channel);
  const parameters = new Map<string, string>();
  let key = { processId: 0, secret: Buffer.alloc(0) };
  const untilReady = async (): Promise<(string | null)[][]> => {
    const rows: (string | null)[][] = [];
    let failure: Error | undefined;
    for (;;) {
      const { value } = await messages.next();
      if (value === undefined) throw failure ?? new Error('the session ended');
      const { type, body } = value;
      if (type === 'S') parameters.set(...(Object.values(decodeParameterStatus(body)) as [string, string]));
      if (type === 'K') {
        const { processId, secret } = decodeBackendKeyData(body);
        key = { processId, secret: Buffer.from(secret) };
      }
      if (type === 'D') rows.push(decodeDataRow(body).map((field) => field?.toString() ?? null));
      if (type === 'E') {
        const { sqlstate, message } = decodeErrorResponse(body);
        failure = Object.assign(new Error(message), { code: sqlstate });
      }
      if (type !== 'Z') continue;
      if (failure) throw failure;
      return rows;
    }
  };
  await untilReady();
  return {
    parameters,
    ...key,
    negotiation,
    rows(sql) {
      channel.write(query(sql));
      return untilReady();
    },
    async [Symbol.asyncDispose]() {
      channel.write(terminate());
      channel.end();
      for await (const _ of messages);
    },
  };
}

interface Message {
  readonly type: string;
  readonly body: Buffer;
}

/** The messages of a channel. */
async function* read(channel: Channel): AsyncGenerator<Message> {
  let bytes: Buffer = Buffer.alloc(0);
  let isClosed = false;
  let wake = (): void => {};
  const finish = (): void => {
    isClosed = true;
    wake();
  };
  channel.start({
    data: (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      wake();
    },
    drain: () => {},
    end: () => channel.end(),
    close: finish,
  });
  for (;;) {
    while (bytes.length < 5 || bytes.length < 1 + bytes.readUInt32BE(1)) {
      if (isClosed) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    const end = 1 + bytes.readUInt32BE(1);
    yield { type: String.fromCharCode(bytes[0]!), body: bytes.subarray(5, end) };
    bytes = bytes.subarray(end);
  }
}

export const rejection = (promise: Promise<unknown>): Promise<GwError> =>
  promise.then(
    () => Promise.reject(new Error('it connected')),
    (error) => error,
  );
