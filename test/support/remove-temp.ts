import { afterAll } from 'vitest';
import { removeAll } from './temp.ts';

// Run by vitest for each test file. Hooks run last-in first-out: this one after the file's own.
afterAll(removeAll);
