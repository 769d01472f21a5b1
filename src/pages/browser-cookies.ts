import type { IncomingMessage, ServerResponse } from 'node:http';

import { Injectable } from '@nestjs/common';

import { IssuerSettings } from '../oauth/issuer-settings.js';
import { isOpaqueSecret, makeOpaqueSecret } from '../oauth/opaque-secret.js';

/**
 * The two cookies of a browser: one names the browser, for its forms; one is the secret of its
 * session. `__Host-` binds them to this very host over https (RFC 6265bis section 4.1.3); plain http,
 * which is for development on loopback, has to do without the prefix. They end with the browser.
 */
@Injectable()
export class BrowserCookies {
  readonly #browser: string;
  readonly #session: string;
  readonly #attributes: string;

  constructor({ issuer }: IssuerSettings) {
    const isHttps = issuer.startsWith('https:');
    this.#browser = `${isHttps ? '__Host-' : ''}nte_browser`;
    this.#session = `${isHttps ? '__Host-' : ''}nte_session`;
    this.#attributes = `Path=/; HttpOnly; SameSite=Lax${isHttps ? '; Secure' : ''}`;
  }

  /**
   * What the browser is called. One without a name gets one with the answer to a GET; a form that
   * another site sends comes without the name that the browser has, which it shall keep.
   */
  nameOf(request: IncomingMessage, response: ServerResponse): string {
    const known = valueOf(request, this.#browser);
    if (known !== undefined) return known;
    const { secret } = makeOpaqueSecret();
    if (request.method !== 'POST') this.#set(response, this.#browser, secret);
    return secret;
  }

  /** The secret of the browser's session; undefined when it has none. */
  sessionOf(request: IncomingMessage): string | undefined {
    return valueOf(request, this.#session);
  }

  /** Gives the browser a session. */
  begin(response: ServerResponse, sessionSecret: string): void {
    this.#set(response, this.#session, sessionSecret);
  }

  /** Takes the session from the browser. */
  end(response: ServerResponse): void {
    response.appendHeader('Set-Cookie', `${this.#session}=; ${this.#attributes}; Max-Age=0`);
  }

  #set(response: ServerResponse, name: string, value: string): void {
    response.appendHeader('Set-Cookie', `${name}=${value}; ${this.#attributes}`);
  }
}

/** The value of a cookie that is there once and can be one of ours. */
function valueOf(request: IncomingMessage, name: string): string | undefined {
  const found = (request.headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
  const [value] = found;
  return found.length === 1 && value !== undefined && isOpaqueSecret(value) ? value : undefined;
}
