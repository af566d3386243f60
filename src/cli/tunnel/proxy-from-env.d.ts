/** The package has no types of its own. */
declare module 'proxy-from-env' {
  /** The proxy for a URL after HTTP(S)_PROXY, ALL_PROXY and NO_PROXY; an empty string for none. */
  export function getProxyForUrl(url: string): string;
}
