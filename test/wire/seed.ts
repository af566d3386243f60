import fc from 'fast-check';

/** The same examples on every run; `FC_SEED=7 npx vitest run test/wire` tries others. */
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });
