import { GwError } from '../../core/errors.ts';
import type { Choice, Prompts } from './prompts.ts';
import { sanitiseLine } from './sanitise.ts';

/** From this number on a list is searched by typing instead of walked with the arrows. */
const SEARCH_FROM = 8;
const PAGE = 12;

/**
 * Questions on the terminal. They are written to stderr, so that stdout stays data. A person is there when
 * stdin and stderr are terminals, no JSON was asked for, and the job does not say it is CI.
 */
export function createPrompts(options: { json: boolean; env: NodeJS.ProcessEnv }): Prompts {
  const { json, env } = options;
  const inCi = env.CI !== undefined && env.CI !== '' && env.CI !== 'false' && env.CI !== '0';
  const canPrompt = Boolean(process.stdin.isTTY && process.stderr.isTTY) && !json && !inCi;
  return {
    canPrompt,
    async choose(message, choices) {
      const { search, select } = await import('@inquirer/prompts');
      const items = choices.map(toItem);
      return ask(() =>
        items.length < SEARCH_FROM
          ? select({ message: sanitiseLine(message), choices: items, pageSize: PAGE }, context)
          : search(
              {
                message: sanitiseLine(message),
                source: (term) => items.filter((item) => matches(item, term)),
                pageSize: PAGE,
              },
              context,
            ),
      );
    },
    async confirm(message, fallback) {
      const { confirm } = await import('@inquirer/prompts');
      return ask(() => confirm({ message: sanitiseLine(message), default: fallback }, context));
    },
  };
}

const context = { output: process.stderr };

interface Item {
  readonly value: string;
  readonly name: string;
  readonly description?: string;
}

function toItem(choice: Choice): Item {
  const description = choice.description ? { description: sanitiseLine(choice.description) } : {};
  return { value: choice.value, name: sanitiseLine(choice.name ?? choice.value), ...description };
}

const matches = (item: Item, term: string | undefined): boolean =>
  !term || `${item.name} ${item.description ?? ''}`.toLowerCase().includes(term.toLowerCase());

/** Ctrl-C at a prompt is how a person says no; inquirer tells it by the error's name. */
async function ask<T>(question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (error) {
    if (error instanceof Error && (error.name === 'ExitPromptError' || error.name === 'AbortPromptError')) {
      throw new GwError('interrupted', 'Interrupted.', { cause: error });
    }
    throw error;
  }
}
