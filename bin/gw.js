#!/usr/bin/env node
// Starts gw: from source in a clone, from dist/ in the installed package.
import { existsSync } from 'node:fs';
import module from 'node:module';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 15)) {
  process.stderr.write(
    `gw: Node.js ${process.versions.node} is too old: gw needs 24.15 or newer.\n` +
      'Install a current Node.js; in a clone of the repository, run it as: npx gw\n',
  );
  process.exit(3);
}
module.enableCompileCache?.();
const source = new URL('../src/main.ts', import.meta.url);
const compiled = new URL('../dist/main.js', import.meta.url);
const { main } = await import(existsSync(source) ? source.href : compiled.href);
await main(process.argv.slice(2));
