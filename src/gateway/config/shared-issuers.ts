/**
 * Issuers that give a token to anyone who opens an account. A match rule for one of them must name whose
 * jobs it means; `ref: refs/heads/main` alone is true for every repository in the world.
 */
export interface SharedIssuer {
  readonly name: string;
  /** Claims that say whose job it is; one of them must be pinned. */
  readonly claims: readonly string[];
  readonly example: string;
}

const SHARED: Readonly<Record<string, SharedIssuer>> = {
  'https://token.actions.githubusercontent.com': {
    name: 'GitHub Actions',
    claims: [
      'repository',
      'repository_id',
      'repository_owner',
      'repository_owner_id',
      'job_workflow_ref',
      'sub',
      'enterprise_id',
    ],
    example: 'acme/*',
  },
  'https://gitlab.com': {
    name: 'GitLab.com',
    claims: ['project_path', 'project_id', 'namespace_path', 'namespace_id', 'sub', 'ci_config_ref_uri'],
    example: 'acme/*',
  },
  'https://accounts.google.com': {
    name: 'Google',
    claims: ['sub', 'email', 'hd'],
    example: 'system/*',
  },
};

export function sharedIssuer(issuer: string): SharedIssuer | undefined {
  return Object.hasOwn(SHARED, issuer) ? SHARED[issuer] : undefined;
}

type Claims = readonly (readonly [string, string | { readonly glob?: string | undefined }])[];

/** A pattern pins an owner when the owner's name, up to its slash, stands before the first `*`. */
export function pinsOwner(shared: SharedIssuer, claims: Claims): boolean {
  return claims.some(([claim, value]) => {
    if (!shared.claims.includes(claim)) return false;
    if (typeof value === 'string') return true;
    return value.glob?.split('*')[0]?.includes('/') === true;
  });
}
