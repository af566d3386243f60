/** One finding of `gw doctor`. */
export interface Check {
  readonly name: string;
  readonly result: 'ok' | 'warn' | 'fail';
  /** What was found. */
  readonly what: string;
  /** What to do about it. */
  readonly fix?: string;
}

export const ok = (name: string, what: string): Check => ({ name, result: 'ok', what });

export function warn(name: string, what: string, fix?: string): Check {
  return { name, result: 'warn', what, ...(fix === undefined ? {} : { fix }) };
}

export function fail(name: string, what: string, fix?: string): Check {
  return { name, result: 'fail', what, ...(fix === undefined ? {} : { fix }) };
}
