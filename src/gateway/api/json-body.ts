import type { z } from 'zod';
import { GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { ApiRequest } from './types.ts';

/**
 * The body of a request: JSON in UTF-8, of the right type, not too deep, and exactly what the schema says. A field
 * that is not known is refused: what the caller meant by it would not happen, and it would not be told.
 */
export function readJson<T extends z.ZodType>(request: ApiRequest, schema: T): z.infer<T> {
  mustBeJson(request.headers['content-type']);
  const text = utf8(request.body);
  mustBeShallow(text);
  const result = schema.safeParse(parse(text));
  if (result.success) return result.data;
  const problems = result.error.issues.slice(0, 5).map(describe);
  throw new GwError('usage', `The request is not what this gateway expects: ${problems.join('; ')}.`);
}

function mustBeJson(values: readonly string[] | undefined): void {
  const [value, ...more] = values ?? [];
  if (more.length === 0 && /^application\/json *(; *charset="?utf-8"? *)?$/i.test(value ?? '')) return;
  throw new GwError('unsupported_media_type', 'The body of this request must be JSON.', {
    hint: 'Send the header content-type: application/json',
  });
}

function utf8(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new GwError('usage', 'The body of the request is not UTF-8.');
  }
}

function mustBeShallow(text: string): void {
  let depth = 0;
  let isString = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (isString) {
      if (char === '\\') i++;
      else if (char === '"') isString = false;
    } else if (char === '"') isString = true;
    else if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') depth--;
    if (depth > LIMITS.apiJsonDepth) {
      throw new GwError('limit', `The body of the request is nested deeper than ${LIMITS.apiJsonDepth}.`);
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new GwError('usage', 'The body of the request is not valid JSON.');
  }
}

function describe(issue: z.core.$ZodIssue): string {
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    return `it does not know ${issue.keys.slice(0, 5).map(quote).join(', ')}${path && ` in ${quote(path)}`}`;
  }
  return path === '' ? lowerFirst(issue.message) : `${quote(path)}: ${lowerFirst(issue.message)}`;
}

/** Names come from the caller: shortened, and without what a terminal would obey. */
function quote(name: string): string {
  return JSON.stringify(name.slice(0, 64)).replace(/[^\x20-\x7e]/g, '?');
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
