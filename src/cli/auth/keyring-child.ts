/**
 * Asks the keyring in a process of its own: on Linux the first call connects to D-Bus and blocks the whole
 * process while nobody answers. One request as JSON on stdin, answers as JSON lines on stdout: first
 * `{"ready":true}` when the service is there, then the result. Nothing is ever logged.
 */
import { AsyncEntry } from '@napi-rs/keyring';
import type { KeyringAnswer, KeyringRequest } from './keyring-process.ts';

const answer = (value: KeyringAnswer): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
};

let input = '';
for await (const chunk of process.stdin.setEncoding('utf8')) input += chunk;
try {
  const { operation, service, account, secret } = JSON.parse(input) as KeyringRequest;
  // The kernel's keyring, the library's second choice, forgets at logout: a file of ours is better.
  const entry = new AsyncEntry(service, account, { linux: { store: 'secret-service' } });
  answer({ ready: true });
  if (operation === 'get') {
    const bytes = await entry.getSecret();
    answer({ done: true, secret: bytes === null ? null : Buffer.from(bytes).toString('base64') });
  } else if (operation === 'set') {
    await entry.setSecret(Buffer.from(secret ?? '', 'base64'));
    answer({ done: true });
  } else {
    await entry.deleteCredential();
    answer({ done: true });
  }
} catch (error) {
  answer({ error: error instanceof Error ? error.message : String(error) });
}
