/**
 * Stands in for PostgreSQL where only the number of its sessions matters: five thousand real ones would need ten
 * gigabytes. It greets whoever connects and answers every query with nothing. Prints its port.
 */
import { type AddressInfo, createServer } from 'node:net';
import {
  authenticationOk,
  backendKeyData,
  emptyQueryResponse,
  parameterStatus,
  readyForQuery,
} from '../../src/wire/build-backend.ts';

const QUERY = 0x51;
const SETTINGS: readonly (readonly [string, string])[] = [
  ['server_version', '17.0'],
  ['server_encoding', 'UTF8'],
  ['client_encoding', 'UTF8'],
  ['DateStyle', 'ISO, MDY'],
  ['TimeZone', 'Etc/UTC'],
  ['integer_datetimes', 'on'],
  ['standard_conforming_strings', 'on'],
];

const greeting = Buffer.concat([
  authenticationOk(),
  ...SETTINGS.map(([name, value]) => parameterStatus(name, value)),
  backendKeyData(1, Buffer.alloc(4)),
  readyForQuery('I'),
]);
const nothing = Buffer.concat([emptyQueryResponse(), readyForQuery('I')]);

const server = createServer({ noDelay: true }, (socket) => {
  let greeted = false;
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    if (greeted && chunk[0] !== QUERY) return;
    socket.write(greeted ? nothing : greeting);
    greeted = true;
  });
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 1_000 }, () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
