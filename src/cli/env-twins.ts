import { GwError } from '../core/errors.ts';
import type { OptionSpec } from './command.ts';
import { isNegative, optionKey, valueName } from './global-options.ts';

const YES = new Set(['1', 'true', 'yes', 'on']);
const NO = new Set(['0', 'false', 'no', 'off']);

/**
 * Values of options that were not given on the command line but by their GW_* variable. An empty variable
 * counts as unset. A variable that cannot be understood is refused, never ignored.
 */
export function envTwins(
  options: readonly OptionSpec[],
  given: ReadonlySet<string>,
  env: NodeJS.ProcessEnv,
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const option of options) {
    const key = optionKey(option);
    const text = option.env === undefined ? undefined : env[option.env];
    if (!text || given.has(key) || key in values) continue;
    values[key] = valueName(option) ? readValue(option, text) : readSwitch(option, text);
  }
  return values;
}

function readSwitch(option: OptionSpec, text: string): boolean {
  const word = text.toLowerCase();
  if (!YES.has(word) && !NO.has(word)) {
    throw new GwError('usage', `${option.env}=${text} is neither yes nor no.`, {
      hint: `Set ${option.env} to 1 or 0, or unset it.`,
    });
  }
  return YES.has(word) !== isNegative(option);
}

function readValue(option: OptionSpec, text: string): unknown {
  const one = (part: string): unknown => {
    if (option.choices && !option.choices.includes(part)) {
      throw new GwError('usage', `${option.env}=${part} is not one of ${option.choices.join(', ')}.`);
    }
    return option.parse ? option.parse(part) : part;
  };
  if (!option.repeatable) return one(text);
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(one);
}
