import { resolve } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { GwError } from '../../core/errors.ts';
import type { Output } from '../render/output.ts';
import { createApiClient } from './api-client.ts';
import type { GatewayClient } from './gateway-client.ts';
import { createHttp, type Http } from './http.ts';
import { machineSource } from './machine/sources.ts';
import { openStore } from './open-store.ts';
import type { Paths } from './paths.ts';
import { profileSource } from './profile-source.ts';
import { readProfiles } from './profiles.ts';
import { type SelectedGateway, selectGateway } from './select-gateway.ts';
import { createTrust, type TrustOptions } from './trust.ts';

/** What reaching a gateway needs of the outside. */
export interface GatewaySetting {
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly paths: Paths;
  readonly out: Output;
  readonly canPrompt: boolean;
  readonly proxyFor: (url: URL) => URL | undefined;
}

export interface GatewayChoice {
  readonly gateway?: string;
  readonly ca?: string;
}

/** A client of the gateway that is meant, with a machine's token where one is set up, else the person's. */
export async function openGateway(choice: GatewayChoice, setting: GatewaySetting): Promise<GatewayClient> {
  const selected = selectGateway(choice.gateway, await readProfiles(setting.paths));
  const known = selected.profile?.tls;
  const caFile = choice.ca ?? known?.ca;
  // The tunnel connects beside the first request and cannot wait to see whether the first roots are enough.
  const wide = known?.system === true || (selected.profile === undefined && caFile === undefined);
  const http = await openHttp({ gateway: selected.url, caFile, wide }, setting);
  http.prepare(selected.url);
  return createApiClient({
    url: selected.url,
    name: selected.name,
    http,
    source: async (discovery) =>
      (await machineSource({ env: setting.env, clock: setting.clock, http, discovery })) ??
      personSource(selected, http, setting),
  });
}

export async function openHttp(options: TrustOptions, setting: GatewaySetting): Promise<Http> {
  const { caFile } = options;
  const trust = await createTrust({ ...options, caFile: caFile === undefined ? undefined : resolve(caFile) });
  return createHttp({ trust, proxyFor: setting.proxyFor, clock: setting.clock });
}

function personSource({ name, profile, url }: SelectedGateway, http: Http, setting: GatewaySetting) {
  if (profile === undefined) {
    throw new GwError('not_signed_in', `You are not signed in to ${url.host}.`, {
      hint: `gw login ${url.origin}`,
    });
  }
  const { env, paths, clock, canPrompt, out } = setting;
  const store = openStore({ env, paths, canPrompt, note: out.notice }, profile.credentials);
  return profileSource({ name, profile, store, http, clock, paths });
}
