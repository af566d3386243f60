import { join } from 'node:path';
import { type ChildScript, startScript } from './child.ts';
import type { TestGateway } from './gateway.ts';
import { type IdentityProvider, tokensFor } from './idp.ts';
import { tempDir } from './temp.ts';

const GW = join(import.meta.dirname, '../../bin/gw.js');

/** `gw connect` as a child process, signed in by GW_TOKEN. */
export interface LocalTunnel {
  /** The connection string it printed. */
  readonly url: string;
  readonly child: ChildScript;
  stop(): Promise<void>;
}

export async function gwConnect(
  gw: Pick<TestGateway, 'url' | 'caFile'> & { readonly idp: IdentityProvider },
  login: string,
  target = 'prod-db',
): Promise<LocalTunnel> {
  const { access_token } = await tokensFor(gw.idp, login);
  const home = tempDir('connect');
  const child = startScript(GW, ['connect', target, '--port', '0', '--print', 'url'], {
    env: {
      PATH: process.env.PATH,
      HOME: home.path,
      GW_KEYRING: 'file',
      GW_GATEWAY: gw.url,
      GW_CA: gw.caFile,
      GW_TOKEN: access_token,
    },
  });
  const url = await child.line();
  return {
    url,
    child,
    async stop() {
      child.process.kill('SIGTERM');
      await child.ended;
      home[Symbol.dispose]();
    },
  };
}
