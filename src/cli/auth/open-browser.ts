import { isLoopback } from './gateway-url.ts';

export interface BrowserOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly platform?: NodeJS.Platform;
}

/**
 * Opens a page in the person's browser. Only http(s) pages, and only where a browser can be seen: on Linux
 * without a display, or over SSH, it would open in the terminal or on somebody else's screen.
 * @returns whether it was opened; that it was not is no error, the URL is on the terminal too
 */
export async function openInBrowser(url: string, options: BrowserOptions): Promise<boolean> {
  if (!canShowBrowser(options) || !isWebPage(url)) return false;
  try {
    const { default: open } = await import('open');
    const child = await open(url);
    child.on('error', () => {});
    child.unref();
    return true;
  } catch {
    return false;
  }
}

function canShowBrowser({ env, platform = process.platform }: BrowserOptions): boolean {
  if (env.SSH_CONNECTION || env.SSH_TTY) return false;
  if (platform === 'darwin' || platform === 'win32') return true;
  return Boolean(env.DISPLAY || env.WAYLAND_DISPLAY || env.WSL_DISTRO_NAME);
}

/** A provider's page: https, or http on loopback. Never a file, a script or another program's scheme. */
export function isWebPage(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
}
