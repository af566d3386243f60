import { styleText } from 'node:util';

/** Tells the tour: what is done, the command as it is run, what it printed. */
export interface Narrator {
  heading(text: string): void;
  say(text: string): void;
  command(line: string): void;
  output(text: string): void;
}

export function createNarrator(write: (text: string) => void, colour: boolean): Narrator {
  const style = (format: Parameters<typeof styleText>[0], text: string): string =>
    colour ? styleText(format, text, { validateStream: false }) : text;
  let step = 0;
  return {
    heading: (text) => write(`\n${style('bold', `${++step}. ${text}`)}\n`),
    say: (text) => write(`   ${text}\n`),
    command: (line) => write(`\n   ${style('green', '$')} ${style('bold', line)}\n`),
    output: (text) => {
      const lines = text.replace(/\n+$/, '').split('\n');
      for (const line of lines) write(line === '' ? '\n' : `   ${style('dim', '│')} ${line}\n`);
    },
  };
}
