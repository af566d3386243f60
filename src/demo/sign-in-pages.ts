import type { IncomingMessage, ServerResponse } from 'node:http';
import type Provider from 'oidc-provider';
import { PEOPLE, type Person } from './people.ts';

/**
 * The identity provider's own pages: sign in by name (there are no passwords in the demo), allow or deny. The
 * path is /interaction/<uid>; oidc-provider ties it to the browser by a signed cookie.
 */
export const INTERACTION_PATH = '/interaction/';
const MAX_FORM_BYTES = 4_096;

/** Answers GET and POST of {@link INTERACTION_PATH}. */
export async function serveInteraction(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const interaction = await provider.interactionDetails(request, response);
  const signedIn = PEOPLE.find(({ login }) => login === interaction.session?.accountId);
  if (request.method !== 'POST') {
    const client = await provider.Client.find(String(interaction.params.client_id));
    sendPage(response, 200, signInPage(client?.clientName ?? 'An application', signedIn));
    return;
  }
  const form = await readForm(request);
  if (form.get('action') === 'deny') {
    const denied = { error: 'access_denied', error_description: 'The user denied the request.' };
    await provider.interactionFinished(request, response, denied);
    return;
  }
  const person = PEOPLE.find(({ login }) => login === (form.get('login') ?? signedIn?.login));
  if (person === undefined) {
    sendPage(response, 400, page('Sign in', '<p>There is nobody of that name here.</p>'));
    return;
  }
  const { client_id: clientId, scope } = interaction.params as { client_id: string; scope?: string };
  const grant = new provider.Grant({ accountId: person.login, clientId });
  grant.addOIDCScope(scope ?? 'openid');
  const grantId = await grant.save();
  await provider.interactionFinished(request, response, {
    login: { accountId: person.login },
    consent: { grantId },
  });
}

/** Where a device code is typed in; `form` comes from oidc-provider and has no button. */
export function userCodePage(form: string, failed: boolean): string {
  const message = failed
    ? 'That code is wrong, used or too old. Try again.'
    : 'Enter the code your terminal shows.';
  return page(
    'Sign in',
    `<p>${message}</p>${form}<button type="submit" form="op.deviceInputForm">Continue</button>`,
  );
}

export function confirmCodePage(form: string, userCode: string, client: string): string {
  const buttons = `<button type="submit" form="op.deviceConfirmForm">It matches</button>
<button type="submit" form="op.deviceConfirmForm" name="abort" value="yes">Cancel</button>`;
  return page(
    'Confirm',
    `<p>${escapeHtml(client)} shows this code:</p><h2>${escapeHtml(userCode)}</h2>${form}${buttons}`,
  );
}

export const signedInPage = (): string => page('Done', '<p>You are signed in and can close this page.</p>');

export const errorPage = (code: string, description: string | undefined): string =>
  page(
    'Error',
    `<p>${escapeHtml(code)}${description === undefined ? '' : `: ${escapeHtml(description)}`}</p>`,
  );

function signInPage(client: string, signedIn: Person | undefined): string {
  const who =
    signedIn === undefined
      ? `<p>Who are you? ${PEOPLE.map(({ login }) => login).join(', ')}</p><input name="login" autofocus required>`
      : `<p>You are ${escapeHtml(signedIn.name)}.</p>`;
  return page(
    'Sign in',
    `<p>${escapeHtml(client)} wants to act for you.</p><form method="post">${who}
<button type="submit" name="action" value="allow">Allow</button>
<button type="submit" name="action" value="deny" formnovalidate>Deny</button></form>`,
  );
}

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<style>body{font:1rem system-ui;max-width:24rem;margin:4rem auto}button,input{font:inherit;margin:.5rem .5rem 0 0}</style>
</head><body><h1>${title}</h1>${body}</body></html>`;
}

export function sendPage(response: ServerResponse, status: number, html: string): void {
  response
    .writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
    .end(html);
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > MAX_FORM_BYTES) throw new RangeError('The form is too long.');
  }
  return new URLSearchParams(text);
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
