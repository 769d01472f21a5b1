import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';

/** A page or a redirect as a browser without JavaScript gets it. */
export interface Visit {
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Where it leads, whole; undefined when it is no redirect. */
  readonly location: URL | undefined;
}

/** A form of a page: where it goes, and what its fields hold. */
export interface Form {
  readonly action: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** A browser with cookies and without JavaScript, which connects to one port whatever a host is called. */
export class TextBrowser {
  readonly cookies = new Map<string, string>();
  readonly languages: string;
  last: Visit | undefined;

  /** @param origin the issuer; requests to it go to `port` on loopback */
  constructor(
    private readonly origin: string,
    private readonly port: number,
    { languages = 'en' } = {},
  ) {
    this.languages = languages;
  }

  /** Opens an address, and follows redirects as long as they stay here. */
  async open(address: string | URL): Promise<Visit> {
    return this.#follow(await this.send(address));
  }

  /** Sends a form of the page that is open, with these fields changed, and follows. */
  async submit(fields: Readonly<Record<string, string>> = {}, index = 0): Promise<Visit> {
    return this.#follow(await this.post(fields, index));
  }

  /** The same without following. */
  async post(fields: Readonly<Record<string, string>> = {}, index = 0): Promise<Visit> {
    const form = this.form(index);
    const url = new URL(form.action, this.last?.url ?? this.origin);
    return this.send(url, { ...form.fields, ...fields });
  }

  /** One request. @param form what to post; GET without */
  send(
    address: string | URL,
    form?: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Visit> {
    const url = new URL(address, this.origin);
    const body = form && new URLSearchParams(form).toString();
    return new Promise((resolve, reject) => {
      const sent = httpRequest(
        {
          host: '127.0.0.1',
          port: this.port,
          method: body === undefined ? 'GET' : 'POST',
          path: `${url.pathname}${url.search}`,
          agent: false,
          headers: {
            'accept-language': this.languages,
            'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0',
            ...(this.cookies.size === 0 ? {} : { cookie: this.#cookie }),
            ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
            ...headers,
          },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          response.on('end', () => {
            this.#keep(response.headers['set-cookie'] ?? []);
            const { location } = response.headers;
            this.last = {
              url,
              status: response.statusCode ?? 0,
              headers: response.headers,
              text,
              location: location === undefined ? undefined : new URL(location, url),
            };
            resolve(this.last);
          });
        },
      );
      sent.once('error', reject);
      sent.end(body);
    });
  }

  /** A form of the page that is open. */
  form(index = 0): Form {
    const html = [...(this.last?.text ?? '').matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/g)][index];
    if (html === undefined) throw new Error(`no form ${index} in: ${this.last?.text}`);
    const [, attributes = '', content = ''] = html;
    const fields = [...content.matchAll(/<input\b([^>]*)>/g)].map(([, input = '']) => [
      attribute(input, 'name'),
      attribute(input, 'value') ?? '',
    ]);
    return {
      action: attribute(attributes, 'action') ?? '',
      fields: Object.fromEntries(fields.filter(([name]) => name !== undefined)) as Form['fields'],
    };
  }

  async #follow(visit: Visit): Promise<Visit> {
    let current = visit;
    for (let hops = 0; hops < 10; hops += 1) {
      const { location } = current;
      if (location === undefined || location.origin !== this.origin) return current;
      current = await this.send(location);
    }
    throw new Error(`too many redirects at ${current.url.href}`);
  }

  get #cookie(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  #keep(headers: readonly string[]): void {
    for (const header of headers) {
      const [pair = '', ...attributes] = header.split(';').map((part) => part.trim());
      const equals = pair.indexOf('=');
      const name = pair.slice(0, equals);
      if (attributes.includes('Max-Age=0')) this.cookies.delete(name);
      else this.cookies.set(name, pair.slice(equals + 1));
    }
  }
}

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1];
  return value
    ?.replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}
