/** Who works at the demo shop. Groups go into tokens as the claim `groups`. */
export interface Person {
  /** Also the subject of the tokens, and what one types on the sign-in page. */
  readonly login: string;
  readonly name: string;
  readonly email: string;
  readonly groups: readonly string[];
}

export const PEOPLE: readonly Person[] = [
  { login: 'alice', name: 'Alice Archer', email: 'alice@example.com', groups: ['engineers'] },
  { login: 'bob', name: 'Bob Brandt', email: 'bob@example.com', groups: ['dba', 'oncall'] },
  { login: 'carol', name: 'Carol Castillo', email: 'carol@example.com', groups: ['support'] },
  { login: 'dave', name: 'Dave Dubois', email: 'dave@example.com', groups: [] },
];

/** Groups of the machine clients. */
export const MACHINE_GROUPS: readonly string[] = ['ci-deploy'];
