import { type Browser, openBrowser, type Page } from './browser.ts';

/**
 * Does what a person does in the browser, by real requests to the identity provider's pages. Logins are those
 * of people.ts. All throw when a page is not what is expected.
 */
export interface SignInOptions {
  /** PEM of the authority behind an HTTPS provider. */
  readonly ca?: string | undefined;
}

/** Signs in as `login` and allows the device that shows `userCode`. `verificationUri` as the device got it. */
export async function approveDeviceCode(
  verificationUri: string,
  userCode: string,
  login: string,
  options: SignInOptions = {},
): Promise<void> {
  const browser = openBrowser(options.ca);
  const confirm = await enterCode(browser, verificationUri, userCode);
  const signIn = expectPage(await browser.submit(confirm), 'Sign in');
  expectPage(await browser.submit(signIn, { login, action: 'allow' }), 'Done');
}

/** Refuses the device that shows `userCode`: on the sign-in page as `login`, or already at the code without one. */
export async function denyDeviceCode(
  verificationUri: string,
  userCode: string,
  login?: string,
  options: SignInOptions = {},
): Promise<void> {
  const browser = openBrowser(options.ca);
  const confirm = await enterCode(browser, verificationUri, userCode);
  if (login === undefined) {
    await browser.submit(confirm, { abort: 'yes' });
    return;
  }
  const signIn = expectPage(await browser.submit(confirm), 'Sign in');
  await browser.submit(signIn, { login, action: 'deny' });
}

/**
 * Opens an authorization URL, signs in as `login` (or denies), and follows the redirects to the application's
 * own redirect URI. Returns the page the application answered with; its `url` carries `code` or `error`.
 */
export async function browserSignIn(
  authorizationUrl: string | URL,
  login: string,
  options: SignInOptions & { readonly deny?: boolean } = {},
): Promise<Page> {
  const browser = openBrowser(options.ca);
  const signIn = expectPage(await browser.get(authorizationUrl), 'Sign in');
  return browser.submit(signIn, { login, action: options.deny ? 'deny' : 'allow' });
}

async function enterCode(browser: Browser, verificationUri: string, userCode: string): Promise<Page> {
  const start = new URL(verificationUri);
  start.search = '';
  const input = expectPage(await browser.get(start), 'Sign in');
  return expectPage(await browser.submit(input, { user_code: userCode }), 'Confirm');
}

function expectPage(page: Page, title: string): Page {
  const found = /<h1>(.*?)<\/h1>/.exec(page.body)?.[1];
  if (page.status === 200 && found === title) return page;
  const text = page.body
    .replace(/<(style|head)[\s\S]*?<\/\1>|<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  throw new Error(
    `${page.url.origin}${page.url.pathname} answered ${page.status} "${text}", not the page "${title}".`,
  );
}
