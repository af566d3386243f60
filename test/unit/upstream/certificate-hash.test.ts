import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { certificateHash } from '../../../src/gateway/upstream/certificate-hash.ts';
import { CERTIFICATES } from './certificates.ts';

const der = (name: keyof typeof CERTIFICATES): Buffer => Buffer.from(CERTIFICATES[name], 'base64');

describe('the hash of a certificate for channel binding (RFC 5929, 4.1)', () => {
  it.each([
    ['rsa-md5', 'sha256'],
    ['rsa-sha1', 'sha256'],
    ['rsa-sha224', 'sha224'],
    ['ecdsa-sha1', 'sha256'],
    ['ecdsa-sha512', 'sha512'],
    ['pss-sha1', 'sha256'],
    ['pss-sha384', 'sha384'],
  ] as const)('of %s is %s', (name, hash) => {
    expect(certificateHash(der(name))).toEqual(createHash(hash).update(der(name)).digest());
  });

  it('does not exist for a signature without a hash function', () => {
    expect(certificateHash(der('ed25519'))).toBeUndefined();
  });

  it('survives any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(certificateHash(Buffer.from(bytes))).toBeUndefined();
      }),
    );
    const whole = der('pss-sha384');
    for (let size = 0; size < whole.length; size++) {
      expect(certificateHash(whole.subarray(0, size))).toBeUndefined();
    }
  });
});
