import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { Secret } from '../../../src/core/secret.ts';
import { openStore } from '../../../src/gateway/store/store.ts';

/** A process that opens the control database at argv's URL and says which key it would sign with. */
const store = await openStore({
  at: { url: new Secret(process.argv[2]!) },
  generateSigningKey: async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const privateKeyPem = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
    return { kid: randomUUID(), algorithm: 'EdDSA', privateKeyPem };
  },
});
const [key] = await store.signingKeys.usable();
await store.close();
process.stdout.write(`${key.kid}\n`);
