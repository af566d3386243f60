import { defineConfig } from 'vitest/config';

/** A machine that is busy with something else must not fail a change; the report names what was tried twice. */
const RETRIES = process.env.CI ? 1 : 0;

// Four groups by what they need: unit (nothing), wire (nothing, heavier), integration (a real
// PostgreSQL, identity provider and gateway), e2e (the CLI as a child process, in a pty).
const project = (name: string, include: string[], testTimeout: number, isolate = true) => ({
  test: {
    name,
    isolate,
    setupFiles: ['test/support/remove-temp.ts'],
    include,
    testTimeout,
    hookTimeout: 60_000,
    retry: RETRIES,
    environment: 'node' as const,
  },
});

/** `.ci/run` names a file that it counts from; vitest's own summary is for people. */
const report = process.env.GW_TEST_REPORT;

export default defineConfig({
  test: {
    ...(report ? { reporters: ['default', ['json', { outputFile: report }]] } : {}),
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      project(
        'unit',
        ['test/unit/**/*.test.ts', 'test/tidy.test.ts', 'test/wire/**/*.test.ts'],
        10_000,
        false,
      ),
      project('integration', ['test/integration/**/*.test.ts'], 60_000),
      project('e2e', ['test/e2e/**/*.test.ts'], 60_000),
    ],
  },
});
