import { readFileSync } from 'node:fs';

/**
 * `N passed, N failed` from vitest's JSON report, for `.ci/run`: a test file that could not run counts as one
 * failure, and so does each further failed step.
 *
 *   node test/support/count-tests.ts REPORT [FAILED STEP…]
 */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { status: string }[];
  }[];
}

const TESTS = 'npm ci && npm test';

export function countTests(
  report: Report,
  failedSteps: readonly string[],
): { passed: number; failed: number } {
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((one) => one.status === 'failed'),
  ).length;
  const inTests = report.numFailedTests + brokenFiles;
  // The step of the tests fails with its tests; by itself it counts only when none of them did.
  const steps = failedSteps.filter((step) => step !== TESTS || inTests === 0).length;
  return { passed: report.numPassedTests, failed: inTests + steps };
}

const [file, ...failedSteps] = process.argv.slice(2);
if (file !== undefined) {
  const { passed, failed } = countTests(JSON.parse(readFileSync(file, 'utf8')), failedSteps);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
}
