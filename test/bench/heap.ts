import type { ChildProcess } from 'node:child_process';
import { kill } from 'node:process';

/**
 * The memory of another Node.js process once its garbage is gone: SIGUSR1 opens its inspector, which collects and
 * tells. The process must have been started with {@link INSPECTABLE}, so that the inspector takes any free port.
 */
export interface Memory {
  /** All bytes in use by JavaScript: its heap and the buffers outside it. */
  readonly used: number;
  readonly resident: number;
}

/** For NODE_OPTIONS. */
export const INSPECTABLE = '--inspect-port=127.0.0.1:0';
const TIMEOUT_MS = 10_000;

export interface HeapProbe {
  measure(): Promise<Memory>;
  close(): void;
}

export async function probeHeap(child: ChildProcess): Promise<HeapProbe> {
  const url = inspectorUrl(child);
  kill(child.pid!, 'SIGUSR1');
  const socket = new WebSocket(await url);
  await new Promise((done, fail) => {
    socket.addEventListener('open', done);
    socket.addEventListener('error', () => fail(new Error('The inspector does not answer.')));
  });
  let last = 0;
  const ask = (method: string, params: object = {}): Promise<unknown> =>
    new Promise((done) => {
      const id = ++last;
      const listener = ({ data }: MessageEvent): void => {
        const answer = JSON.parse(String(data)) as { id?: number; result?: unknown };
        if (answer.id !== id) return;
        socket.removeEventListener('message', listener);
        done(answer.result);
      };
      socket.addEventListener('message', listener);
      socket.send(JSON.stringify({ id, method, params }));
    });
  return {
    async measure() {
      for (let i = 0; i < 2; i++) await ask('HeapProfiler.collectGarbage');
      const expression = 'JSON.stringify(process.memoryUsage())';
      const { result } = (await ask('Runtime.evaluate', { expression })) as { result: { value: string } };
      const { rss, heapUsed, external } = JSON.parse(result.value) as NodeJS.MemoryUsage;
      return { used: heapUsed + external, resident: rss };
    },
    close: () => socket.close(),
  };
}

/** Node prints `Debugger listening on ws://…` on stderr. */
function inspectorUrl(child: ChildProcess): Promise<string> {
  return new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Error('The inspector did not open.')), TIMEOUT_MS);
    let text = '';
    const listener = (chunk: unknown): void => {
      text += String(chunk);
      const url = /ws:\/\/\S+/.exec(text)?.[0];
      if (!url) return;
      clearTimeout(timer);
      child.stderr?.off('data', listener);
      done(url);
    };
    child.stderr?.on('data', listener);
  });
}
