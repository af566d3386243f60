export interface Choice {
  readonly value: string;
  readonly name?: string;
  readonly description?: string;
}

/** Questions to a person; only where `canPrompt`. */
export interface Prompts {
  /** A person is there: stdin and stderr are terminals, no `--json`, not CI. */
  readonly canPrompt: boolean;
  /** One of the choices, by typing to filter. Throws GwError `interrupted` on Ctrl-C. */
  choose(message: string, choices: readonly Choice[]): Promise<string>;
  confirm(message: string, fallback: boolean): Promise<boolean>;
}
