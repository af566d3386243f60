import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { LIMITS } from '../../core/limits.ts';
import { readPrivate, writePrivate } from '../auth/files.ts';
import { readProfiles } from '../auth/profiles.ts';
import type { CommandSpec } from '../command.ts';
import type { CommandContext } from '../context.ts';

/** Names change rarely; a TAB pressed twice should not ask twice. */
const FRESH_MS = 60_000;
/** Shells expand what they complete: only names that are plain words are offered. */
const PLAIN = /^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,200}$/;

const CacheSchema = z.object({ at_ms: z.number(), names: z.array(z.string()) });

/** What the completion scripts ask. It is quick, silent and never asks a person, whatever happens. */
export const complete: CommandSpec = {
  name: '__complete',
  summary: 'Names for completion scripts',
  hidden: true,
  examples: [],
  args: [{ name: 'KIND', summary: 'What to list', choices: ['targets', 'gateways'], required: true }],
  options: [],
  async run({ args }, context) {
    try {
      const names = args[0] === 'gateways' ? await gatewayNames(context) : await targetNames(context);
      for (const name of names) if (PLAIN.test(name)) context.out.line(name);
    } catch {
      // Nothing to offer.
    }
    return 0;
  },
};

async function gatewayNames({ paths }: CommandContext): Promise<string[]> {
  return Object.keys((await readProfiles(paths)).profiles);
}

async function targetNames({ paths, clock, gateway: open }: CommandContext): Promise<readonly string[]> {
  const gateway = await open();
  const id = createHash('sha256').update(`${gateway.name} ${gateway.url.origin}`).digest('hex').slice(0, 16);
  const file = join(paths.cache, `targets-${id}.json`);
  const cached = await readCache(file);
  if (cached && Math.abs(clock.now() - cached.at_ms) < FRESH_MS) return cached.names;
  const asked = gateway.targets().then(async (targets) => {
    const names = targets.map(({ name }) => name);
    await writePrivate(file, JSON.stringify({ at_ms: clock.now(), names }));
    return names;
  });
  const late = sleep(LIMITS.completionTimeoutMs, undefined, { ref: false });
  return (await Promise.race([asked.catch(() => undefined), late])) ?? cached?.names ?? [];
}

async function readCache(file: string): Promise<z.infer<typeof CacheSchema> | undefined> {
  try {
    return CacheSchema.parse(JSON.parse((await readPrivate(file)) ?? ''));
  } catch {
    return undefined;
  }
}
