import { StoryStop } from './service.js';

/** A browser without pictures and scripts: it keeps cookies, follows redirects and fills in forms. */
export class TextBrowser {
  #cookies = new Map();
  #origin;
  /** @type {{ url: URL, status: number, text: string, location?: URL }} the page that is open */
  page = { url: new URL('about:blank'), status: 0, text: '' };

  /** @param {string} address any address of the site that it stays on */
  constructor(address) {
    this.#origin = new URL(address).origin;
  }

  /** Opens an address and follows redirects, until one leads to another site. */
  async open(address) {
    await this.#go(new URL(address), {});
    while (this.page.location?.origin === this.#origin) await this.#go(this.page.location, {});
    return this.page;
  }

  /** Sends the first form of the page that is open, with these fields filled in, and follows. */
  async submit(fields) {
    const [, attributes = '', content = ''] =
      /<form\b([^>]*)>([\s\S]*?)<\/form>/.exec(this.page.text) ?? [];
    const action = attributeOf(attributes, 'action');
    if (action === undefined)
      throw new StoryStop(`There is no form at ${this.page.url.pathname}: ${this.page.status}.`);
    const hidden = [...content.matchAll(/<input type="hidden"([^>]*)>/g)].map(([, input]) => [
      attributeOf(input, 'name'),
      attributeOf(input, 'value'),
    ]);
    const body = new URLSearchParams({ ...Object.fromEntries(hidden), ...fields });
    await this.#go(new URL(action, this.page.url), { method: 'POST', body });
    return this.page.location?.origin === this.#origin ? this.open(this.page.location) : this.page;
  }

  async #go(url, request) {
    const response = await fetch(url, {
      ...request,
      redirect: 'manual',
      headers: { cookie: [...this.#cookies].map((pair) => pair.join('=')).join('; ') },
    });
    for (const header of response.headers.getSetCookie()) {
      const [pair = ''] = header.split(';');
      const [name, value] = pair.split('=');
      this.#cookies.set(name, value);
    }
    const location = response.headers.get('location');
    this.page = {
      url,
      status: response.status,
      text: await response.text(),
      ...(location === null ? {} : { location: new URL(location, url) }),
    };
  }
}

function attributeOf(tag, name) {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1];
  return value?.replaceAll('&quot;', '"').replaceAll('&amp;', '&');
}
