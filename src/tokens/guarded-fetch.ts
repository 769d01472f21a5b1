import type { LookupAddress } from 'node:dns';
import { lookup as resolveName } from 'node:dns/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { callbackify } from 'node:util';

import { Injectable } from '@nestjs/common';

import type { JsonObject } from '../oauth/claims.js';
import { addressKind } from './address-kind.js';
import { readStrictJson } from './strict-json.js';

/** `application/json` and everything that is built on it (RFC 6839 section 3.1). */
const JSON_TYPE = /^application\/(?:[a-z0-9.-]+\+)?json\s*(?:;|$)/i;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** How documents of other servers may be fetched. */
export class FetchSettings {
  /** Plain http to this machine, for development. */
  readonly allowLoopbackHttp: boolean;
  /** Addresses of private networks, for an identity provider inside the company. */
  readonly allowPrivateNetworks: boolean;
  /** Milliseconds for the whole fetch. */
  readonly timeout: number;
  /** Bytes of a body at most. */
  readonly maxBytes: number;
  /** Every address of a host name; the machine's own resolver unless said otherwise. */
  readonly resolve: (hostname: string) => Promise<readonly LookupAddress[]>;

  constructor(settings: Partial<FetchSettings> = {}) {
    this.allowLoopbackHttp = settings.allowLoopbackHttp ?? false;
    this.allowPrivateNetworks = settings.allowPrivateNetworks ?? false;
    this.timeout = settings.timeout ?? 5_000;
    this.maxBytes = settings.maxBytes ?? 64 * 1024;
    this.resolve = settings.resolve ?? ((hostname) => resolveName(hostname, { all: true }));
  }
}

/** A fetch that was not made, or whose answer is not usable; the message holds nothing of the answer. */
export class FetchRefusedError extends Error {
  override readonly name = 'FetchRefusedError';
}

/** An answer whose text was read, whichever status it has. */
export interface TextAnswer {
  readonly status: number;
  readonly text: string;
}

interface Message {
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * Speaks to an address that a person configured, without becoming a way into the network: https
 * only, no redirects, every resolved address checked at the moment of connecting, limits on size and
 * time.
 */
@Injectable()
export class GuardedFetch {
  constructor(private readonly settings: FetchSettings) {}

  /**
   * The JSON object at this address.
   * @throws FetchRefusedError when it must not be fetched, or the answer is anything else
   */
  async getJson(address: string): Promise<JsonObject> {
    const headers = { Accept: 'application/json', 'Accept-Encoding': 'identity' };
    const text = await this.#send(address, { method: 'GET', headers }, (response) =>
      this.#read(response),
    );
    const value = readStrictJson(text, this.settings.maxBytes);
    if (value === undefined) throw new FetchRefusedError('The answer is not a plain JSON object');
    return value;
  }

  /**
   * Sends a form to this address. What the answer says besides its status is not read.
   * @returns the status, whichever it is
   * @throws FetchRefusedError when it must not be sent, or there is no answer
   */
  async postForm(address: string, form: Readonly<Record<string, string>>): Promise<number> {
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const { status } = await this.post(address, headers, new URLSearchParams(form).toString());
    return status;
  }

  /**
   * Sends a text to this address.
   * @param isRead whether the text of the answer is taken; without it that is empty
   * @returns the status, whichever it is, and the text of the answer
   * @throws FetchRefusedError when it must not be sent, or the text is too large or not UTF-8
   */
  postText(
    address: string,
    body: string,
    others: Readonly<Record<string, string>> = {},
    isRead = true,
  ): Promise<TextAnswer> {
    const headers = {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': String(Buffer.byteLength(body)),
      'Accept-Encoding': 'identity',
      ...others,
    };
    return this.#send(address, { method: 'POST', headers, body }, async (response) => ({
      status: response.statusCode ?? 0,
      text: isRead ? await this.#text(response) : '',
    }));
  }

  /**
   * Sends a body to this address. What the answer says besides its status and when to come back is not
   * read.
   * @returns the status, whichever it is, and the `Retry-After`
   * @throws FetchRefusedError when it must not be sent, or there is no answer
   */
  post(
    address: string,
    headers: Readonly<Record<string, string>>,
    body: string,
  ): Promise<{ readonly status: number; readonly retryAfter: string | undefined }> {
    return this.#send(
      address,
      { method: 'POST', headers, body },
      async ({ statusCode, headers: { 'retry-after': retryAfter } }) => ({
        status: statusCode ?? 0,
        retryAfter,
      }),
    );
  }

  /**
   * Whether an address may be spoken to as far as it says itself: what its name leads to is looked at
   * when it is.
   * @throws FetchRefusedError
   */
  check(address: string): void {
    this.#checked(address);
  }

  /**
   * The addresses of a host that may be spoken to, for a protocol of another kind.
   * @throws FetchRefusedError when one of them may not
   */
  async addressesOf(hostname: string): Promise<readonly string[]> {
    if (isIP(hostname) > 0) {
      this.#checkAddress(hostname);
      return [hostname];
    }
    const addresses = await this.#addressesOf(hostname, 'https:');
    return addresses.map(({ address }) => address);
  }

  #checked(address: string): URL {
    if (!URL.canParse(address)) throw new FetchRefusedError('The address is not a URL');
    const url = new URL(address);
    if (url.username !== '' || url.password !== '')
      throw new FetchRefusedError('The address names a user');
    const host = url.hostname.replace(/^\[|\]$/g, '');
    if (url.protocol === 'http:') {
      const isLoopback =
        host === 'localhost' || (isIP(host) > 0 && addressKind(host) === 'loopback');
      if (!this.settings.allowLoopbackHttp || !isLoopback)
        throw new FetchRefusedError('The address is not https');
    } else if (url.protocol !== 'https:') throw new FetchRefusedError('The address is not https');
    // A literal address is never looked up, so it is checked here.
    if (isIP(host) > 0) this.#checkAddress(host);
    return url;
  }

  #checkAddress(address: string): void {
    const kind = addressKind(address);
    const { allowLoopbackHttp, allowPrivateNetworks } = this.settings;
    const isAllowed =
      kind === 'public' ||
      (kind === 'loopback' && allowLoopbackHttp) ||
      (kind === 'private' && allowPrivateNetworks);
    if (!isAllowed) throw new FetchRefusedError(`The address leads to a ${kind} network`);
  }

  /** Resolves for the connection itself, so that the address that is checked is the one that is used. */
  #lookupFor({ protocol }: URL): LookupFunction {
    const addressesOf = callbackify((hostname: string) => this.#addressesOf(hostname, protocol));
    return (hostname, options, callback) => {
      addressesOf(hostname, (error, addresses) => {
        const [first] = error ? [] : addresses;
        if (first === undefined || options.all === true) callback(error, error ? [] : addresses);
        else callback(null, first.address, first.family);
      });
    };
  }

  async #addressesOf(hostname: string, protocol: string): Promise<LookupAddress[]> {
    const addresses = [...(await this.settings.resolve(hostname))];
    if (addresses.length === 0) throw new FetchRefusedError('The host name has no address');
    for (const { address } of addresses) {
      this.#checkAddress(address);
      if (protocol === 'http:' && addressKind(address) !== 'loopback')
        throw new FetchRefusedError('The address is not https');
    }
    return addresses;
  }

  /** Sends one request, and is connected no longer when the answer has been taken. */
  async #send<Answer>(
    address: string,
    { method, headers, body }: Message,
    take: (response: IncomingMessage) => Promise<Answer>,
  ): Promise<Answer> {
    const url = this.#checked(address);
    const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(this.settings.timeout);
      const sent = request(
        url,
        { method, headers, lookup: this.#lookupFor(url), agent: false, signal },
        (response) => {
          take(response)
            .then(resolve, reject)
            .finally(() => sent.destroy());
        },
      );
      // An answer that turns into another protocol is none that the callback above hears of.
      sent.on('upgrade', ({ statusCode }, socket) => {
        socket.destroy();
        reject(new FetchRefusedError(`The answer has the status ${statusCode}`));
      });
      sent.on('error', (cause) => {
        reject(
          cause instanceof FetchRefusedError
            ? cause
            : new FetchRefusedError('The address cannot be reached', { cause }),
        );
      });
      sent.end(body);
    });
  }

  async #read(response: IncomingMessage): Promise<string> {
    if (response.statusCode !== 200)
      throw new FetchRefusedError(`The answer has the status ${response.statusCode}`);
    if ((response.headers['content-encoding'] ?? 'identity') !== 'identity')
      throw new FetchRefusedError('The answer is encoded');
    if (!JSON_TYPE.test(response.headers['content-type'] ?? ''))
      throw new FetchRefusedError('The answer is not JSON');
    return this.#text(response);
  }

  async #text(response: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of response) {
        const bytes = chunk as Buffer;
        size += bytes.length;
        if (size > this.settings.maxBytes) throw new FetchRefusedError('The answer is too large');
        chunks.push(bytes);
      }
    } catch (cause) {
      throw cause instanceof FetchRefusedError
        ? cause
        : new FetchRefusedError('The answer broke off', { cause });
    }
    try {
      return utf8.decode(Buffer.concat(chunks));
    } catch (cause) {
      throw new FetchRefusedError('The answer is not UTF-8', { cause });
    }
  }
}
