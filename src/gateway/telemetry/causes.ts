import { GwError } from '../../core/errors.ts';

/**
 * What may be logged of an error's causes. Texts of other people's errors quote what they were about (a row, a statement, a
 * token: PostgreSQL, JSON.parse and JWT libraries do), so of those only name, code and the places in the code
 * are taken. Our own messages are safe by definition; those of system calls name addresses and files.
 */

const MAX_CAUSES = 8;
const MAX_FRAMES = 8;
const MAX_TEXT = 500;

/** One line per cause, outermost first. */
export function describeCauses(error: unknown): string[] {
  const lines: string[] = [];
  let cause = error instanceof Error ? error.cause : undefined;
  while (cause !== undefined && cause !== null && lines.length < MAX_CAUSES) {
    lines.push(describe(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return lines;
}

function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return `thrown: ${typeof cause}`;
  if (cause instanceof GwError) return clip(`${cause.code}: ${cause.message}`);
  const { code, syscall } = cause as NodeJS.ErrnoException;
  if (typeof syscall === 'string') return clip(`${cause.name}: ${cause.message}`);
  const known = typeof code === 'string' && /^[A-Za-z0-9_.-]{1,64}$/.test(code) ? ` ${code}` : '';
  return `${className(cause)}${known}${places(cause)}`;
}

/** A name may be set to anything; a class has one. */
function className(error: Error): string {
  const name = error.constructor.name;
  return /^\w{1,64}$/.test(name) ? name : 'Error';
}

/** The frames of a stack, without its head, which repeats the message. */
function places(error: Error): string {
  const stack = typeof error.stack === 'string' ? error.stack : '';
  const frames = stack.split('\n').filter((line) => /^ {4}at [^\n]*:\d+:\d+\)?$/.test(line));
  return frames
    .slice(0, MAX_FRAMES)
    .map((line) => ` ${clip(line.trim())}`)
    .join(';');
}

const clip = (text: string): string => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text);
