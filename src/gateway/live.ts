import { isDeepStrictEqual } from 'node:util';
import { type Clock, systemClock } from '../core/clock.ts';
import { GwError } from '../core/errors.ts';
import type { Config, TargetConfig } from './config/types.ts';
import { type Authenticator, createAuthenticator } from './identity/authenticator.ts';
import { whyMayConnect } from './identity/connect-rule.ts';
import type { Identity } from './identity/identity.ts';
import { SessionGrants } from './identity/session-grants.ts';
import type { SigningKeys } from './identity/signing-keys.ts';
import type { SessionTarget } from './session/types.ts';
import { Upstream } from './upstream/upstream.ts';

export interface LiveTarget extends SessionTarget {
  readonly config: TargetConfig;
  readonly upstream: Upstream;
}

/**
 * What the configuration in force makes: replaced as a whole at a reload. Sessions that exist keep what they
 * began with; a target that did not change keeps its way to the database with what it has learned.
 */
export interface Live {
  readonly config: Config;
  readonly authenticator: Authenticator;
  readonly grants: SessionGrants;
  readonly targets: ReadonlyMap<string, LiveTarget>;
}

export function makeLive(
  config: Config,
  keys: SigningKeys,
  previous?: Live,
  clock: Clock = systemClock,
): Live {
  const sameProviders = isDeepStrictEqual(config.identityProviders, previous?.config.identityProviders);
  const targets = new Map<string, LiveTarget>();
  for (const target of config.targets.values()) {
    const known = previous?.targets.get(target.name);
    const upstream = known && isSameWay(known.config, target) ? known.upstream : new Upstream(target);
    targets.set(target.name, {
      name: target.name,
      database: target.database,
      databases: target.databases,
      config: target,
      upstream,
    });
  }
  return {
    config,
    authenticator:
      previous && sameProviders ? previous.authenticator : createAuthenticator(config.identityProviders),
    grants: new SessionGrants(keys, { ...config.sessionGrants, clock }),
    targets,
  };
}

function isSameWay(a: TargetConfig, b: TargetConfig): boolean {
  const way = ({ name, host, port, tls, login }: TargetConfig) => ({ name, host, port, tls, login });
  return isDeepStrictEqual(way(a), way(b));
}

/** The targets an identity may connect to, with the reason; in the order of the file. */
export function reachable(live: Live, identity: Identity): { target: LiveTarget; because: string }[] {
  return [...live.targets.values()].flatMap((target) => {
    const because = whyMayConnect(identity, target.config.connect);
    return because === undefined ? [] : [{ target, because }];
  });
}

/**
 * The target of this name, if the identity may connect to it. Who may not is not told whether it exists.
 * @throws GwError `unknown_target`
 */
export function mustReach(
  live: Live,
  identity: Identity,
  name: string,
): { target: LiveTarget; because: string } {
  const target = live.targets.get(name);
  const because = target && whyMayConnect(identity, target.config.connect);
  if (target && because !== undefined) return { target, because };
  throw new GwError('unknown_target', `There is no target "${name}" that you may connect to.`, {
    detail: `You are ${identity.name}; groups: ${identity.groups.join(', ') || 'none'}.`,
    hint: 'List those you may connect to with: gw ls',
  });
}
