import type { TLSSocket } from 'node:tls';
import { asGwError, GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { socketChannel } from '../../core/socket-channel.ts';
import { authenticationCleartextPassword } from '../../wire/build-backend.ts';
import { decodePassword } from '../../wire/frontend.ts';
import { FRONTEND } from '../../wire/types.ts';
import type { StartupRequest } from '../session/types.ts';
import type { Credentials, EntranceLog, Grant, Sessions } from './entrance.ts';
import { sayFarewell } from './farewell.ts';
import { Intake } from './intake.ts';
import { authenticateOauth } from './oauth.ts';
import { negotiateStartup } from './startup.ts';

/** The PostgreSQL user name with which a client asks to sign in by OAUTHBEARER (libpq 18's `oauth_issuer`). */
export const OAUTH_USER = 'oauth';

/**
 * PostgreSQL over TLS without the CLI. The password is a session grant, asked for in clear text because TLS is
 * around it already; user `oauth` signs in with an identity provider's token instead (RFC 7628). The database
 * names the target.
 */
export class NativeEntrance {
  readonly #credentials: Credentials;
  readonly #sessions: Sessions;
  readonly #log: EntranceLog;

  constructor(credentials: Credentials, sessions: Sessions, log: EntranceLog) {
    this.#credentials = credentials;
    this.#sessions = sessions;
    this.#log = log;
  }

  /** @param known called once the client has proved who it is; its time until then is the port's to limit. */
  async accept(socket: TLSSocket, known: () => void): Promise<void> {
    const intake = new Intake(socketChannel(socket));
    const remoteAddress = socket.remoteAddress ?? '';
    try {
      const entered = await this.#enter(intake, remoteAddress);
      if (!entered) return;
      known();
      const { startup, grant } = entered;
      this.#sessions.open({
        client: intake,
        identity: grant.identity,
        grantId: grant.id,
        endsAtMs: grant.endsAtMs,
        target: grant.target,
        startup,
        via: 'native',
        remoteAddress,
      });
    } catch (error) {
      this.#refuse(intake, asGwError(error), remoteAddress);
    }
  }

  async #enter(
    intake: Intake,
    remoteAddress: string,
  ): Promise<{ startup: StartupRequest; grant: Grant } | undefined> {
    const startup = await negotiateStartup(intake, this.#sessions);
    if (!startup) return undefined;
    const parameters = new Map(startup.parameters);
    const target = targetNamed(parameters.get('database'));
    const isOauth = parameters.get('user') === OAUTH_USER;
    const grant = isOauth
      ? await authenticateOauth(intake, this.#credentials, target, remoteAddress)
      : await this.#password(intake, target);
    return { startup, grant };
  }

  async #password(intake: Intake, target: string | undefined): Promise<Grant> {
    intake.channel.write(authenticationCleartextPassword());
    const password = decodePassword(await intake.readMessage(FRONTEND.password, LIMITS.authMessageBytes));
    const grant = await this.#credentials.sessionGrant(password.reveal());
    if (target !== undefined && target !== grant.target) {
      throw new GwError(
        'denied',
        `This session grant is for target "${grant.target}", not for "${target}".`,
        {
          hint: `Connect with dbname=${grant.target}, or get another one: gw token ${target}`,
        },
      );
    }
    return grant;
  }

  #refuse(intake: Intake, error: GwError, remoteAddress: string): void {
    if (error.code === 'cancelled') {
      intake.channel.destroy();
      return;
    }
    this.#log.refused(error, remoteAddress, 'native');
    sayFarewell(intake.channel, error);
  }
}

/** `prod-db` and `prod-db/reporting` name the target `prod-db`. */
function targetNamed(database: string | undefined): string | undefined {
  return database?.split('/')[0] || undefined;
}
