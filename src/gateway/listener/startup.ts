import { GwError } from '../../core/errors.ts';
import { decodeStartup } from '../../wire/startup.ts';
import type { StartupRequest } from '../session/types.ts';
import type { Sessions } from './entrance.ts';
import type { Intake } from './intake.ts';

const NO = Buffer.from('N');
/** A client asks for GSS, then TLS, then starts; nobody asks more often. */
const MAX_ENCRYPTION_REQUESTS = 2;

/**
 * Reads up to the startup packet of a stream that is encrypted already: further requests for encryption are
 * answered `N`, as PostgreSQL answers inside TLS. A CancelRequest is carried out; then there is no startup.
 * @throws GwError `protocol_violation`, `cancelled` when the client goes away
 */
export async function negotiateStartup(
  intake: Intake,
  sessions: Sessions,
): Promise<StartupRequest | undefined> {
  for (let requests = 0; requests <= MAX_ENCRYPTION_REQUESTS; requests++) {
    const packet = decodeStartup(await intake.readStartup());
    if (packet.kind === 'startup') return packet;
    if (packet.kind === 'cancel') {
      await sessions.cancel(packet.processId, packet.secret);
      intake.channel.end();
      return undefined;
    }
    if (intake.hasEarlyBytes) {
      throw new GwError('protocol_violation', 'Received data behind an encryption request.');
    }
    intake.channel.write(NO);
  }
  throw new GwError('protocol_violation', 'Too many encryption requests.');
}
