/** Why a server could not be reached, told by error codes in words that name the step that failed. */

export type NetworkStep = 'dns' | 'tcp' | 'tls' | 'certificate' | 'proxy' | 'timeout' | 'http';

export interface NetworkFailure {
  readonly step: NetworkStep;
  /** The code of the system, of OpenSSL or of the HTTP client; empty when there is none. */
  readonly code: string;
  /** One sentence. */
  readonly what: string;
  /** What to do about it. */
  readonly fix?: string;
  /** The certificate is signed by nobody we trust; more roots might help. */
  readonly untrusted: boolean;
}

type Row = readonly [step: NetworkStep, what: string, fix?: string];

const TRUST_FIX = 'Give the authority that signed it with --ca FILE (or GW_CA, or NODE_EXTRA_CA_CERTS).';
const UNTRUSTED: Row = [
  'certificate',
  'Its certificate is not signed by an authority this machine trusts.',
  TRUST_FIX,
];
const CLOSED: Row = ['tcp', 'The connection was closed before an answer came.'];
const SLOW: Row = [
  'timeout',
  'No answer came in time.',
  'Check the network, a VPN or a firewall on the way.',
];
const NOT_TLS: Row = [
  'tls',
  'What answers there does not speak TLS.',
  'Check the port, and that the URL is that of the gateway.',
];

const ROWS: Readonly<Record<string, Row>> = {
  ENOTFOUND: [
    'dns',
    'The name cannot be resolved.',
    'Check the spelling, and that a VPN is up if the name is internal.',
  ],
  EAI_AGAIN: ['dns', 'The name server does not answer.', 'Check the network connection.'],
  ECONNREFUSED: [
    'tcp',
    'The connection was refused: nothing listens there.',
    'Check the port, and that the gateway runs.',
  ],
  ECONNRESET: CLOSED,
  EPIPE: CLOSED,
  UND_ERR_SOCKET: CLOSED,
  EHOSTUNREACH: ['tcp', 'There is no route to the host.', 'Check the network or the VPN.'],
  ENETUNREACH: ['tcp', 'There is no route to the network.', 'Check the network or the VPN.'],
  ETIMEDOUT: SLOW,
  UND_ERR_CONNECT_TIMEOUT: SLOW,
  UND_ERR_HEADERS_TIMEOUT: SLOW,
  UND_ERR_BODY_TIMEOUT: SLOW,
  TimeoutError: SLOW,
  CERT_HAS_EXPIRED: [
    'certificate',
    'Its certificate has expired.',
    'Ask who runs it to renew it; check the clock of this machine.',
  ],
  CERT_NOT_YET_VALID: [
    'certificate',
    'Its certificate is not valid yet.',
    'Check the clock of this machine.',
  ],
  CERT_REVOKED: ['certificate', 'Its certificate was revoked.', 'Do not go on; tell who runs it.'],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'certificate',
    'Its certificate is for another name.',
    'Use the name that the certificate is for.',
  ],
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  EPROTO: NOT_TLS,
  ERR_SSL_WRONG_VERSION_NUMBER: NOT_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NOT_TLS,
  HPE_INVALID_CONSTANT: ['http', 'What answers there does not speak HTTP.', 'Check the port.'],
  UND_ERR_RES_EXCEEDED_MAX_SIZE: [
    'http',
    'Its answer is too long to be that of a gateway.',
    'Check the URL.',
  ],
  UND_ERR_PRX_TLS: ['proxy', 'The certificate of the proxy is not trusted.', TRUST_FIX],
  UND_ERR_PRX_CONN: [
    'proxy',
    'The proxy closed the connection.',
    'Check HTTPS_PROXY, or add the host to NO_PROXY.',
  ],
  UND_ERR_ABORTED: [
    'proxy',
    'The proxy did not let the request through.',
    'Check HTTPS_PROXY (user and password too), or add the host to NO_PROXY.',
  ],
};

/** Reads an error of a socket, of TLS or of the HTTP client; follows `cause` and the first of several attempts. */
export function explainNetworkError(error: unknown): NetworkFailure {
  const code = codeOf(error, 0);
  const row = ROWS[code];
  return {
    step: row?.[0] ?? (code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS') ? 'tls' : 'tcp'),
    code,
    what: row?.[1] ?? `The connection failed${code && ` (${code})`}.`,
    ...(row?.[2] ? { fix: row[2] } : {}),
    untrusted: row === UNTRUSTED,
  };
}

function codeOf(error: unknown, depth: number): string {
  if (error === null || typeof error !== 'object' || depth > 4) return '';
  const { code, name, cause, errors } = error as {
    code?: unknown;
    name?: unknown;
    cause?: unknown;
    errors?: unknown[];
  };
  if (name === 'TimeoutError') return name;
  if (typeof code === 'string' && (code in ROWS || cause === undefined)) return code;
  const inner = codeOf(Array.isArray(errors) ? errors[0] : cause, depth + 1);
  return inner || (typeof code === 'string' ? code : '');
}
