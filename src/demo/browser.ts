import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

/**
 * A browser as small as can be: cookies, redirects and forms, for driving the identity provider's pages by
 * real HTTP requests where nobody sits in front of a screen.
 */
export interface Page {
  readonly url: URL;
  readonly status: number;
  readonly body: string;
}

export interface Browser {
  get(url: string | URL): Promise<Page>;
  /** Sends the page's first form with its hidden fields and these. */
  submit(page: Page, fields?: Readonly<Record<string, string>>): Promise<Page>;
}

const MAX_REDIRECTS = 20;
const MAX_PAGE_BYTES = 1 << 20;
const TIMEOUT_MS = 15_000;

/** @param ca PEM of the authority that HTTPS pages are signed by */
export function openBrowser(ca?: string): Browser {
  const cookies = new Map<string, Map<string, string>>();
  const visit = async (start: URL, form: URLSearchParams | undefined): Promise<Page> => {
    let url = start;
    let body = form?.toString();
    for (let hop = 0; hop < MAX_REDIRECTS; hop++) {
      const jar = cookies.get(url.host) ?? new Map<string, string>();
      cookies.set(url.host, jar);
      const answer = await send(url, body, jar, ca);
      for (const line of answer.setCookies) keep(jar, line);
      if (answer.location === undefined) return { url, status: answer.status, body: answer.body };
      url = new URL(answer.location, url);
      body = undefined;
    }
    throw new Error(`The page ${start.origin}${start.pathname} redirects without end.`);
  };
  return {
    get: (url) => visit(new URL(url), undefined),
    submit: (page, fields = {}) => {
      const action = attribute(/<form[^>]*>/.exec(page.body)?.[0] ?? '', 'action');
      const values = new URLSearchParams();
      for (const [input] of page.body.matchAll(/<input[^>]*>/g)) {
        const name = attribute(input, 'name');
        if (name && attribute(input, 'type') === 'hidden') values.set(name, attribute(input, 'value') ?? '');
      }
      for (const [name, value] of Object.entries(fields)) values.set(name, value);
      return visit(new URL(action ?? '', page.url), values);
    },
  };
}

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly setCookies: readonly string[];
  readonly body: string;
}

function send(
  url: URL,
  body: string | undefined,
  jar: ReadonlyMap<string, string>,
  ca: string | undefined,
): Promise<Answer> {
  const headers: Record<string, string> = { accept: 'text/html' };
  if (jar.size > 0) headers.cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
  if (body !== undefined) headers['content-type'] = 'application/x-www-form-urlencoded';
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const options = {
      method: body === undefined ? 'GET' : 'POST',
      headers,
      ca,
      agent: false,
      timeout: TIMEOUT_MS,
    };
    const outgoing = request(url, options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (text.length > MAX_PAGE_BYTES) response.destroy(new Error(`The page ${url.origin} is too large.`));
      });
      response.once('error', reject);
      response.once('end', () => {
        const redirect = response.statusCode! >= 300 && response.statusCode! < 400;
        resolve({
          status: response.statusCode!,
          location: redirect ? response.headers.location : undefined,
          setCookies: response.headers['set-cookie'] ?? [],
          body: text,
        });
      });
    });
    outgoing.once('timeout', () =>
      outgoing.destroy(new Error(`The page ${url.origin} did not answer in time.`)),
    );
    outgoing.once('error', reject).end(body);
  });
}

/** Keeps name and value. An expired or empty cookie is one that the server deletes. */
function keep(jar: Map<string, string>, line: string): void {
  const [pair = '', ...rest] = line.split(';');
  const [name = '', value = ''] = pair.split(/=(.*)/s).map((part) => part.trim());
  const expires = /expires=(.*)/i.exec(rest.find((part) => /^\s*expires=/i.test(part)) ?? '')?.[1];
  if (value === '' || (expires !== undefined && Date.parse(expires) < Date.now())) jar.delete(name);
  else jar.set(name, value);
}

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1];
  return value?.replace(/&(amp|quot|#39|lt|gt);/g, (_, entity: string) => ENTITIES[entity]!);
}

const ENTITIES: Record<string, string> = { amp: '&', quot: '"', '#39': "'", lt: '<', gt: '>' };
