import type { Adapter, AdapterPayload } from 'oidc-provider';

/**
 * What the identity provider remembers, in memory. One storage can outlive a provider object, so keys can be
 * rotated without signing anybody out.
 */
interface Entry {
  readonly payload: AdapterPayload;
  readonly expiresAtMs: number;
}

/** A factory for oidc-provider: one adapter per kind of record, all over the same map. */
export function memoryStorage(): (kind: string) => Adapter {
  const entries = new Map<string, Entry>();
  const lookUp = (key: string): AdapterPayload | undefined => {
    const entry = entries.get(key);
    if (entry === undefined || entry.expiresAtMs > Date.now()) return entry?.payload;
    entries.delete(key);
    return undefined;
  };
  const findBy = (kind: string, field: 'userCode' | 'uid', value: string): AdapterPayload | undefined => {
    for (const [key, { payload }] of entries) {
      if (key.startsWith(`${kind}:`) && payload[field] === value) return lookUp(key);
    }
    return undefined;
  };
  return (kind) => ({
    async upsert(id, payload, expiresIn) {
      const expiresAtMs = expiresIn === undefined ? Number.POSITIVE_INFINITY : Date.now() + expiresIn * 1_000;
      entries.set(`${kind}:${id}`, { payload, expiresAtMs });
    },
    find: async (id) => lookUp(`${kind}:${id}`),
    findByUserCode: async (userCode) => findBy(kind, 'userCode', userCode),
    findByUid: async (uid) => findBy(kind, 'uid', uid),
    async consume(id) {
      const payload = lookUp(`${kind}:${id}`);
      if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1_000);
    },
    async destroy(id) {
      entries.delete(`${kind}:${id}`);
    },
    async revokeByGrantId(grantId) {
      for (const [key, { payload }] of entries) {
        if (payload.grantId === grantId) entries.delete(key);
      }
    },
  });
}
