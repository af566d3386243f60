import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { DatabaseError, parse as parseStream, serialize } from 'pg-protocol';
import { describe, expect, it } from 'vitest';
import * as server from '../../src/wire/build-backend.ts';
import { copyData, copyDone } from '../../src/wire/build-frontend.ts';
import { bodyOf, type Codec, codecOf } from './codecs.ts';
import { plain } from './plain.ts';
import './seed.ts';
import { decodeStartup } from '../../src/wire/startup.ts';

/**
 * pg-protocol, the codec of node-postgres, as a second opinion: it reads what we build for the server's direction, and we
 * read what it builds for the client's.
 */

/** What pg-protocol's parser makes of these bytes. */
function parsed(bytes: Buffer): Record<string, unknown>[] {
  const stream = new PassThrough();
  const messages: Record<string, unknown>[] = [];
  void parseStream(stream, (message) => void messages.push(message as unknown as Record<string, unknown>));
  stream.emit('data', bytes);
  return messages;
}

const B = (name: string): Codec => codecOf('B', name);
const text = fc.string({ unit: 'grapheme', maxLength: 20 }).map((s) => s.replaceAll('\0', ''));

describe('pg-protocol reads our', () => {
  const agree = (codec: Codec, expected: (value: never) => Record<string, unknown>): void =>
    fc.assert(
      fc.property(codec.values, (value) => {
        const bytes = codec.build(value);
        const [message, ...others] = parsed(bytes);
        expect(others).toEqual([]);
        expect(plain(message)).toMatchObject(plain(expected(value as never)) as object);
      }),
      { numRuns: 50 },
    );

  it('ParameterStatus', () =>
    agree(B('ParameterStatus'), (m: { name: string; value: string }) => ({
      name: 'parameterStatus',
      parameterName: m.name,
      parameterValue: m.value,
    })));

  it('BackendKeyData of protocol 3.0', () => {
    expect(parsed(server.backendKeyData(7, Buffer.from([0, 0, 1, 2])))).toMatchObject([
      { name: 'backendKeyData', processID: 7, secretKey: 258 },
    ]);
  });

  it('ReadyForQuery', () => agree(B('ReadyForQuery'), (status) => ({ name: 'readyForQuery', status })));

  it('CommandComplete', () =>
    agree(B('CommandComplete'), (m: { tag: string }) => ({ name: 'commandComplete', text: m.tag })));

  it('DataRow', () =>
    agree(B('DataRow'), (values: (Buffer | null)[]) => ({
      name: 'dataRow',
      fieldCount: values.length,
      fields: values.map((value) => value?.toString('utf8') ?? null),
    })));

  it('RowDescription', () => {
    const column = {
      name: 'ä',
      tableOid: 16_400,
      tableColumn: 3,
      typeOid: 25,
      typeSize: -1,
      typeModifier: 7,
      format: 1,
    };
    expect(parsed(server.rowDescription([column]))).toMatchObject([
      {
        name: 'rowDescription',
        fields: [
          {
            name: 'ä',
            tableID: 16_400,
            columnID: 3,
            dataTypeID: 25,
            dataTypeSize: -1,
            dataTypeModifier: 7,
            format: 'binary',
          },
        ],
      },
    ]);
  });

  it('ParameterDescription', () => {
    expect(parsed(server.parameterDescription([23, 25]))).toMatchObject([
      { name: 'parameterDescription', dataTypeIDs: [23, 25] },
    ]);
  });

  it('NotificationResponse', () =>
    agree(B('NotificationResponse'), (m: object) => ({ ...m, name: 'notification' })));

  it('ErrorResponse', () => {
    const fields = fc.record({
      message: text,
      detail: text,
      hint: text,
      position: text,
      routine: text,
      table: text,
    });
    fc.assert(
      fc.property(fields, (values) => {
        const [error] = parsed(server.errorResponse({ severity: 'ERROR', sqlstate: '42501', ...values }));
        expect(error).toBeInstanceOf(DatabaseError);
        expect({ ...error, message: error!.message }).toMatchObject({
          severity: 'ERROR',
          code: '42501',
          ...values,
        });
      }),
      { numRuns: 50 },
    );
  });

  it('NoticeResponse', () => {
    expect(
      parsed(server.noticeResponse({ severity: 'NOTICE', sqlstate: '00000', message: 'hold' })),
    ).toMatchObject([{ name: 'notice', severity: 'NOTICE', code: '00000', message: 'hold' }]);
  });

  it('CopyInResponse and CopyOutResponse', () => {
    const copy = { format: 1, columnFormats: [1, 0] };
    expect(parsed(Buffer.concat([server.copyInResponse(copy), server.copyOutResponse(copy)]))).toMatchObject([
      { name: 'copyInResponse', binary: true, columnTypes: [1, 0] },
      { name: 'copyOutResponse', binary: true, columnTypes: [1, 0] },
    ]);
  });

  it('Authentication messages', () => {
    const salt = Buffer.from([1, 2, 3, 4]);
    const bytes = [
      server.authenticationOk(),
      server.authenticationCleartextPassword(),
      server.authenticationMd5Password(salt),
      server.authenticationSasl(['SCRAM-SHA-256', 'OAUTHBEARER']),
      server.authenticationSaslContinue(Buffer.from('r=1')),
      server.authenticationSaslFinal(Buffer.from('v=2')),
    ];
    expect(parsed(Buffer.concat(bytes))).toMatchObject([
      { name: 'authenticationOk' },
      { name: 'authenticationCleartextPassword' },
      { name: 'authenticationMD5Password', salt },
      { name: 'authenticationSASL', mechanisms: ['SCRAM-SHA-256', 'OAUTHBEARER'] },
      { name: 'authenticationSASLContinue', data: 'r=1' },
      { name: 'authenticationSASLFinal', data: 'v=2' },
    ]);
  });

  it('messages without a body, and COPY data', () => {
    const bytes = [
      server.parseComplete(),
      server.bindComplete(),
      server.closeComplete(),
      server.noData(),
      server.portalSuspended(),
      server.emptyQueryResponse(),
      copyData(Buffer.from('1\t2\n')),
      copyDone(),
    ];
    expect(parsed(Buffer.concat(bytes)).map((message) => message.name)).toEqual([
      'parseComplete',
      'bindComplete',
      'closeComplete',
      'noData',
      'portalSuspended',
      'emptyQuery',
      'copyData',
      'copyDone',
    ]);
  });
});

describe("we read pg-protocol's", () => {
  const read = (name: string, message: Buffer): unknown => {
    const codec = codecOf('F', name);
    if (codec.type !== undefined) expect(message[0]).toBe(codec.type);
    return plain(codec.decode(bodyOf(codec, message)));
  };

  it('startup packets', () => {
    const startup = decodeStartup(serialize.startup({ user: 'alice', database: 'shop' }).subarray(4));
    expect(startup).toMatchObject({ kind: 'startup', major: 3, minor: 0 });
    expect(Object.fromEntries(startup.kind === 'startup' ? startup.parameters : [])).toMatchObject({
      user: 'alice',
      database: 'shop',
    });
    expect(read('Startup', serialize.requestSsl())).toEqual({ kind: 'ssl' });
    expect(read('Startup', serialize.cancel(3, 258))).toEqual({
      kind: 'cancel',
      processId: 3,
      secret: "x'00000102'",
    });
  });

  it('statements', () => {
    fc.assert(
      fc.property(text, text, (name, sql) => {
        expect(read('Query', serialize.query(sql))).toEqual(plain(Buffer.from(sql)));
        const latin1 = Buffer.from(name).toString('latin1');
        expect(read('Parse', serialize.parse({ name, text: sql, types: [23, 0] }))).toEqual({
          statement: latin1.slice(0, 63),
          query: plain(Buffer.from(sql)),
          parameterTypes: [23, 0],
        });
      }),
    );
  });

  it('Bind', () => {
    const value = fc.oneof(fc.constant(null), text, fc.uint8Array({ maxLength: 20 }).map(Buffer.from));
    fc.assert(
      fc.property(fc.array(value, { maxLength: 5 }), fc.boolean(), (values, binary) => {
        const message = serialize.bind({ portal: 'p', statement: 's', values: [...values], binary });
        expect(read('Bind', message)).toEqual({
          portal: 'p',
          statement: 's',
          parameterFormats: values.map((v) => (Buffer.isBuffer(v) ? 1 : 0)),
          parameters: values.map((v) => plain(typeof v === 'string' ? Buffer.from(v) : v)),
          resultFormats: [binary ? 1 : 0],
        });
      }),
      { numRuns: 50 },
    );
  });

  it('everything else', () => {
    expect(read('Execute', serialize.execute({ portal: 'p', rows: 9 }))).toEqual({ portal: 'p', maxRows: 9 });
    expect(read('Describe', serialize.describe({ type: 'S', name: 'x' }))).toEqual({
      kind: 'statement',
      name: 'x',
    });
    expect(read('Close', serialize.close({ type: 'P', name: 'y' }))).toEqual({ kind: 'portal', name: 'y' });
    expect(read('Sync', serialize.sync())).toEqual({});
    expect(read('Flush', serialize.flush())).toEqual({});
    expect(read('Terminate', serialize.end())).toEqual({});
    expect(read('PasswordMessage', serialize.password('pä'))).toBe('pä');
    expect(
      read('SASLInitialResponse', serialize.sendSASLInitialResponseMessage('SCRAM-SHA-256', 'n,,')),
    ).toEqual({
      mechanism: 'SCRAM-SHA-256',
      data: "b'n,,'",
    });
    expect(read('SASLResponse', serialize.sendSCRAMClientFinalMessage('c=biws'))).toBe("b'c=biws'");
    expect(read('CopyData', serialize.copyData(Buffer.from('1\n')))).toEqual("x'310a'");
    expect(read('CopyDone', serialize.copyDone())).toEqual({});
    expect(read('CopyFail', serialize.copyFail('no'))).toBe('no');
  });
});
