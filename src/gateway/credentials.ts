import type { Clock } from '../core/clock.ts';
import { GwError } from '../core/errors.ts';
import type { Identity } from './identity/identity.ts';
import type { IssuedSessionGrant, SessionGrantClaims } from './identity/session-grants.ts';
import type { Journal } from './journal/journal.ts';
import { sessionGrantIssued } from './journal/records.ts';
import type { Credentials, Grant } from './listener/entrance.ts';
import { type Live, mustReach } from './live.ts';
import type { Store } from './store/store.ts';

/** Issues session grants, durably recorded first, and says which ones hold under the configuration in force. */
export class GrantDesk implements Credentials {
  readonly #live: () => Live;
  readonly #journal: Journal;
  readonly #store: Pick<Store, 'recordSessionGrant'>;
  readonly #gatewayId: string;
  readonly #clock: Clock;
  readonly #issued: () => void;

  constructor(options: {
    readonly live: () => Live;
    readonly journal: Journal;
    readonly store: Pick<Store, 'recordSessionGrant'>;
    readonly gatewayId: string;
    readonly clock: Clock;
    /** Told of each grant that is given out. */
    readonly issued: () => void;
  }) {
    this.#live = options.live;
    this.#journal = options.journal;
    this.#store = options.store;
    this.#gatewayId = options.gatewayId;
    this.#clock = options.clock;
    this.#issued = options.issued;
  }

  sessionGrant(token: string): Grant | Promise<Grant> {
    const known = this.#live().grants.verifyCached(token);
    if (known) return this.#stillHolds(known);
    return this.#live()
      .grants.verify(token)
      .then((claims) => this.#stillHolds(claims));
  }

  accessToken(token: string): Promise<Identity> {
    return this.#live().authenticator.authenticate(token);
  }

  async grantFor(identity: Identity, target: string, remoteAddress: string): Promise<Grant> {
    const { claims } = await this.issue(identity, target, remoteAddress);
    return grantOf(claims);
  }

  get oauth(): Credentials['oauth'] {
    const provider = this.#live().config.identityProviders.find(({ signIn }) => signIn !== undefined);
    if (!provider?.signIn) return undefined;
    return {
      // As PostgreSQL builds it: libpq takes it apart again and compares the issuer byte for byte.
      configurationUrl: `${provider.issuer}/.well-known/openid-configuration`,
      scope: provider.signIn.scopes.join(' '),
    };
  }

  /**
   * A session grant for an identity that was authenticated just now. It is given out only after the journal and
   * the control database have it. @throws GwError `unknown_target`, `journal_unavailable`, `database_unreachable`
   */
  async issue(identity: Identity, target: string, remoteAddress: string): Promise<IssuedSessionGrant> {
    const live = this.#live();
    const { because } = mustReach(live, identity, target);
    const issued = await live.grants.issue(identity, target);
    await this.#record(issued.claims, because, remoteAddress);
    this.#issued();
    return issued;
  }

  async #record(claims: SessionGrantClaims, because: string, remoteAddress: string): Promise<void> {
    const { id, identity, target, issuedAtMs, expiresAtMs, endsAtMs } = claims;
    await this.#store.recordSessionGrant({
      id,
      identity: { ...identity },
      target,
      gatewayId: this.#gatewayId,
      issuedAtMs,
      expiresAtMs,
      endsAtMs,
    });
    const sequence = this.#journal.append(
      sessionGrantIssued(this.#clock.now(), {
        grant: id,
        who: identity.id,
        name: identity.email ?? identity.name,
        kind: identity.kind,
        provider: identity.provider,
        groups: identity.groups,
        target,
        because,
        remote: remoteAddress,
        expiresAt: expiresAtMs,
        endsAt: endsAtMs,
      }),
    );
    await new Promise<void>((resolve, reject) => {
      this.#journal.whenDurable(sequence, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** The configuration may have changed since the grant was issued. */
  #stillHolds(claims: SessionGrantClaims): Grant {
    const { identity, target } = claims;
    const live = this.#live();
    const isTrusted = live.config.identityProviders.some(
      ({ name, issuer }) => name === identity.provider && issuer === identity.issuer,
    );
    if (!isTrusted) {
      throw new GwError(
        'wrong_credential',
        `This gateway does not accept identities of "${identity.provider}" any more.`,
        { hint: 'Sign in again with: gw login' },
      );
    }
    mustReach(live, identity, target);
    if (this.#clock.now() >= claims.endsAtMs) throw new GwError('expired', 'This session grant has ended.');
    return grantOf(claims);
  }
}

function grantOf({ id, identity, target, endsAtMs }: SessionGrantClaims): Grant {
  return { id, identity, target, endsAtMs };
}
