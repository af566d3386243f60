import { type ErrorCode, GwError } from './errors.ts';

/** How a server's refusal counts for exit codes and logs; what is not here is `database_unreachable`. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  '3D000': 'unknown_database',
  '42501': 'denied',
  '53300': 'too_many_sessions',
};

/**
 * The database refused a connection for a reason that is the client's business (unknown database, too many
 * connections, starting up, a bad setting). `fields` is the body of its ErrorResponse, to be passed on
 * byte for byte; the message says only what is safe anywhere.
 */
export class UpstreamRefused extends GwError {
  readonly fields: Buffer;
  readonly #sqlstate: string;

  constructor(target: string, sqlstate: string, fields: Buffer) {
    super(
      CODES[sqlstate] ?? 'database_unreachable',
      `The database of target "${target}" refused the connection (SQLSTATE ${sqlstate}).`,
    );
    this.name = 'UpstreamRefused';
    this.fields = fields;
    this.#sqlstate = sqlstate;
  }

  /** The server's own. */
  override get sqlstate(): string {
    return this.#sqlstate;
  }
}
