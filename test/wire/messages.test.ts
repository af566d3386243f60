import { describe, expect, it } from 'vitest';
import { GwError } from '../../src/core/errors.ts';
import { decodeAuthentication } from '../../src/wire/authentication.ts';
import { decodeCopyResponse, decodeDataRow, decodeNegotiateProtocolVersion } from '../../src/wire/backend.ts';
import * as server from '../../src/wire/build-backend.ts';
import * as client from '../../src/wire/build-frontend.ts';
import { commandRows, decodeCommandComplete } from '../../src/wire/command-tag.ts';
import {
  decodeBindNames,
  decodeClose,
  decodeExecute,
  decodeParse,
  decodePassword,
  decodeQuery,
} from '../../src/wire/frontend.ts';
import { decodeErrorResponse, sqlstateOf } from '../../src/wire/notice-fields.ts';

const body = (message: Buffer): Buffer => message.subarray(5);
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('a command tag', () => {
  it.each([
    ['SELECT 5', 'SELECT', 5],
    ['INSERT 0 3', 'INSERT', 3],
    ['INSERT 16384 1', 'INSERT', 1],
    ['COPY 7', 'COPY', 7],
    ['UPDATE 2', 'UPDATE', 2],
    ['DELETE 0', 'DELETE', 0],
    ['MERGE 1', 'MERGE', 1],
    ['FETCH 2', 'FETCH', 2],
    ['MOVE 12345678901', 'MOVE', 12_345_678_901],
    ['CREATE TABLE', 'CREATE TABLE', undefined],
    ['ALTER EVENT TRIGGER', 'ALTER EVENT TRIGGER', undefined],
    ['BEGIN', 'BEGIN', undefined],
    ['', '', undefined],
    ['7', '7', undefined],
    ['X7', 'X7', undefined],
    ['SELECT ', 'SELECT ', undefined],
    ['SELECT 5 ', 'SELECT 5 ', undefined],
    [' 5', ' 5', undefined],
  ])('%j', (tag, command, rows) => {
    const message = body(server.commandComplete(tag));
    expect(decodeCommandComplete(message)).toEqual({ tag, command, rows });
    expect(commandRows(message)).toBe(rows ?? -1);
  });

  it.each(['', 'SELECT 5', 'SELECT\0 5\0', '\0\0'])('is refused without its one terminator: %j', (text) => {
    expect(() => decodeCommandComplete(bytes(text))).toThrow(GwError);
    expect(() => commandRows(bytes(text))).toThrow(GwError);
  });
});

describe('the names of statements and portals', () => {
  it('keep distinct bytes distinct, whatever the encoding', () => {
    const names = ['\xe9', '\xc3\xa9', '\xff', '\x80'];
    const read = names.map((name) => decodeBindNames(bytes(`${name}\0${name}\0rest`)).statement);
    expect(new Set(read).size).toBe(names.length);
    expect(read).toEqual(names);
  });

  it('are cut to the 63 bytes by which PostgreSQL tells them apart', () => {
    const name = 'n'.repeat(63);
    expect(decodeBindNames(bytes(`${name}p\0${name}s\0`))).toEqual({ portal: name, statement: name });
    expect(decodeParse(body(client.parse(`${name}a`, 'select 1'))).statement).toBe(name);
    expect(decodeExecute(body(client.execute(`${name}b`))).portal).toBe(name);
    expect(decodeClose(body(client.close('statement', `${name}c`))).name).toBe(name);
  });

  it('of a Bind are found in its beginning', () => {
    const message = body(client.bind({ portal: 'p', statement: 's', parameters: [Buffer.alloc(1000)] }));
    expect(decodeBindNames(message.subarray(0, 10), message.length)).toEqual({ portal: 'p', statement: 's' });
  });

  it.each([
    ['p\0s', 3, 'protocol_violation'],
    ['p', 1, 'protocol_violation'],
    ['', 0, 'protocol_violation'],
    ['p\0s', 4, 'limit'],
    ['ppp', 100, 'limit'],
  ] as const)('%j of a body of %d bytes: %s', (prefix, length, code) => {
    expect(() => decodeBindNames(bytes(prefix), length)).toThrow(expect.objectContaining({ code }));
  });
});

describe('decoders', () => {
  it.each([
    ['a text that ends early', () => decodeQuery(bytes('select 1\0; drop table t\0'))],
    ['a count larger than the message', () => decodeDataRow(bytes('\xff\xff\0\0\0\0'))],
    ['a value longer than the message', () => decodeDataRow(bytes('\0\x01\x7f\xff\xff\xff'))],
    ['an unknown kind of object', () => decodeClose(bytes('Xname\0'))],
    ['an unknown copy format', () => decodeCopyResponse(bytes('\x02\0\0'))],
    ['a negative count', () => decodeNegotiateProtocolVersion(bytes('\0\x03\0\0\xff\xff\xff\xff'))],
    ['a huge count', () => decodeNegotiateProtocolVersion(bytes('\0\x03\0\0\x7f\xff\xff\xff'))],
    ['a password that is not UTF-8', () => decodePassword(bytes('\xff\0'))],
    ['a salt of three bytes', () => decodeAuthentication(bytes('\0\0\0\x05abc'))],
  ])('refuse %s', (_, decode) => {
    expect(decode).toThrow(expect.objectContaining({ code: 'protocol_violation' }));
  });

  it('do not read backwards', () => {
    expect(() => decodeDataRow(bytes('\0\x01\xff\xff\xff\xfe'))).toThrow(
      expect.objectContaining({ detail: 'In this message, a value has the length -2.' }),
    );
  });

  it('say which message, how long, and what is wrong with it', () => {
    expect(() => decodeParse(bytes('s\0select 1'))).toThrow(
      expect.objectContaining({
        message: 'Malformed Parse message with a body of 10 bytes.',
        detail: 'In this message, the statement text is not terminated.',
      }),
    );
  });

  it('know every kind of authentication, and say when one is new', () => {
    const kind = (code: number) => decodeAuthentication(Buffer.from([0, 0, 0, code])).kind;
    expect([0, 2, 3, 7, 8, 9, 11, 12].map(kind)).toEqual([
      'ok',
      'kerberosV5',
      'cleartextPassword',
      'gss',
      'gssContinue',
      'sspi',
      'saslContinue',
      'saslFinal',
    ]);
    expect(() => kind(13)).toThrow(expect.objectContaining({ code: 'unsupported' }));
  });

  it('understand a negotiated version with and without its major part', () => {
    expect(decodeNegotiateProtocolVersion(bytes('\0\x03\0\x02\0\0\0\0'))).toMatchObject({
      major: 3,
      minor: 2,
    });
    expect(decodeNegotiateProtocolVersion(bytes('\0\0\0\x02\0\0\0\0'))).toMatchObject({ major: 3, minor: 2 });
  });

  it('keep a password out of sight', () => {
    const password = decodePassword(body(client.password('hunter2')));
    expect(`${password}`).toBe('[redacted]');
    expect(password.reveal()).toBe('hunter2');
  });
});

describe('errors and notices', () => {
  it('go out in the order of PostgreSQL, with the severity twice', () => {
    const message = server.errorResponse({
      routine: 'r',
      position: '3',
      hint: 'h',
      detail: 'd',
      message: 'm',
      sqlstate: '42501',
      severity: 'ERROR',
    });
    expect(body(message).toString()).toBe('SERROR\0VERROR\0C42501\0Mm\0Dd\0Hh\0P3\0Rr\0\0');
  });

  it('of servers before 9.6 have only the translated severity', () => {
    expect(decodeErrorResponse(bytes('SFEHLER\0C42501\0Mm\0\0'))).toEqual({
      severity: 'FEHLER',
      sqlstate: '42501',
      message: 'm',
    });
  });

  it('give their SQLSTATE even when only the beginning is there', () => {
    const whole = bytes('SERROR\0VERROR\0C42501\0Mvery long\0\0');
    expect(sqlstateOf(whole)).toBe('42501');
    expect(sqlstateOf(whole.subarray(0, 22))).toBe('42501');
    for (let size = 0; size < 21; size++) expect(sqlstateOf(whole.subarray(0, size))).toBeUndefined();
    expect(sqlstateOf(bytes('SERROR\0C425011\0\0'))).toBeUndefined();
    expect(sqlstateOf(bytes('SERROR\0\0C42501\0'))).toBeUndefined();
  });
});

describe('builders', () => {
  it.each([
    ['a statement', () => client.query('select 1\0; drop table t')],
    ['a statement in bytes', () => client.query(Buffer.from('select 1\0'))],
    ['a name', () => client.bind({ portal: 'a\0b', statement: '' })],
    ['a name outside of bytes', () => client.describe('portal', '\u0100')],
    ['a startup parameter', () => client.startup([['user', 'alice\0database\0x']])],
    ['a startup parameter without a name', () => client.startup([['', 'x']])],
    ['a password', () => client.password('a\0')],
    [
      'an error message',
      () => server.errorResponse({ severity: 'ERROR', sqlstate: '42501', message: 'a\0' }),
    ],
    ['a command tag', () => server.commandComplete('SELECT 1\0')],
  ])('refuse what would change the meaning of the message: %s', (_, build) => {
    expect(build).toThrow(expect.objectContaining({ code: 'protocol_violation' }));
  });

  it('refuse more items than the protocol can count', () => {
    const parameters = Array.from({ length: 65_536 }, () => null);
    expect(() => client.bind({ portal: '', statement: '', parameters })).toThrow(
      expect.objectContaining({ code: 'limit' }),
    );
    expect(client.bind({ portal: '', statement: '', parameters: parameters.slice(1) }).length).toBe(262_153);
  });

  it('grow as far as a message needs', () => {
    for (let size = 0; size < 300; size++) {
      const message = client.bind({
        portal: 'p'.repeat(size),
        statement: '',
        parameterFormats: [1],
        parameters: [null],
      });
      expect(message.length).toBe(19 + size);
      expect(message.readInt32BE(1)).toBe(message.length - 1);
      expect(decodeBindNames(body(message)).portal).toBe('p'.repeat(Math.min(size, 63)));
    }
  });

  it('give a new buffer each time', () => {
    client.sync().fill(0);
    expect(client.sync()).toEqual(Buffer.from([0x53, 0, 0, 0, 4]));
  });
});
