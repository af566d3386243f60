import type { IdentityProvider } from './identity-provider.ts';
import { MACHINE_GROUPS } from './people.ts';
import { SHOP_DATABASE, SHOP_LOGIN } from './shop.ts';

/** What the demo's gateway is told, as it stands in gw.yaml (JSON is YAML). */
export interface DemoGateway {
  /** TCP port on 127.0.0.1; certificates are for `localhost`. */
  readonly port: number;
  readonly adminPort: number;
  /** PEM files. `ca` signed the gateway's and the database's certificate. */
  readonly files: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly data: string;
  readonly idp: IdentityProvider;
  readonly database: { readonly port: number; readonly tls: boolean };
  /** File with the password of the shop's login. */
  readonly passwordFile: string;
  /** File with the control database's URL; absent: an embedded one in `data`. */
  readonly controlUrlFile?: string;
}

/** Two targets: `prod-db` for engineers, database administrators and the deploy job; `reporting` for administrators. */
export function gatewayDocument(demo: DemoGateway): Record<string, unknown> {
  const { files, idp } = demo;
  const { robot, robotPost, robotKey } = idp.clients;
  const target = {
    host: 'localhost',
    port: demo.database.port,
    database: SHOP_DATABASE,
    login: { user: SHOP_LOGIN, password: { file: demo.passwordFile } },
    tls: demo.database.tls ? { mode: 'verify-full', ca: files.ca } : { mode: 'disable' },
  };
  const provider = { issuer: idp.issuer, audience: [idp.audience], algorithms: [idp.algorithm] };
  return {
    listen: `127.0.0.1:${demo.port}`,
    public_url: `https://localhost:${demo.port}`,
    tls: { cert: files.cert, key: files.key },
    admin: { listen: `127.0.0.1:${demo.adminPort}` },
    data: demo.data,
    ...(demo.controlUrlFile === undefined
      ? {}
      : { control_database: { url: { file: demo.controlUrlFile } } }),
    identity_providers: [
      {
        ...provider,
        name: 'machines',
        kind: 'machine',
        match: [robot, robotPost, robotKey].map(({ clientId }) => ({
          claims: { client_id: clientId },
          groups: MACHINE_GROUPS,
        })),
      },
      {
        ...provider,
        name: 'people',
        kind: 'human',
        groups_claim: 'groups',
        name_claim: 'email',
        sign_in: {
          client_id: idp.clients.cli.clientId,
          scopes: ['openid', 'offline_access'],
          resource: idp.resource,
        },
      },
    ],
    targets: {
      'prod-db': {
        ...target,
        description: 'The shop',
        connect: { groups: ['engineers', 'dba', ...MACHINE_GROUPS] },
      },
      reporting: { ...target, description: 'The shop, for reports', connect: { groups: ['dba'] } },
    },
  };
}
