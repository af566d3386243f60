/** Signing keys of session grants, the gateways that share this database, the session grants they issued. */
export const controlState = {
  number: 1,
  name: 'control state',
  sql: `
CREATE TABLE gw.signing_keys (
  kid             text PRIMARY KEY,
  algorithm       text NOT NULL,
  private_key_pem text NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT now(),
  retired_at      timestamptz
);
COMMENT ON TABLE gw.signing_keys IS 'Keys that sign session grants. The newest without retired_at signs; the others only verify.';

CREATE TABLE gw.gateways (
  id           text PRIMARY KEY,
  name         text NOT NULL,
  version      text NOT NULL,
  started_at   timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE gw.gateways IS 'Gateway processes; one that stopped without a word is known by its last_seen_at.';

CREATE TABLE gw.session_grants (
  id         text PRIMARY KEY,
  identity   jsonb NOT NULL,
  target     text NOT NULL,
  gateway_id text NOT NULL,
  issued_at  timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  ends_at    timestamptz NOT NULL
);
CREATE INDEX session_grants_identity ON gw.session_grants ((identity ->> 'id'), ends_at);
CREATE INDEX session_grants_ends_at ON gw.session_grants (ends_at);
COMMENT ON TABLE gw.session_grants IS 'Who was given which session grant. The credential itself is nowhere stored.';
`,
} as const;
