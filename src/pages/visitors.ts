import type { ServerResponse } from 'node:http';

import { Injectable } from '@nestjs/common';

import { Sessions } from '../accounts/sessions.js';
import type { AttemptOrigin } from '../audit/attempt.js';
import type { Person } from '../authorization/authorization-flow.js';
import { originOf } from '../endpoints/attempt-origin.js';
import type { TokenHttpRequest } from '../endpoints/token-endpoint.js';
import { hashOpaqueSecret } from '../oauth/opaque-secret.js';
import { BrowserCookies } from './browser-cookies.js';

/** Languages of a browser that are looked at. */
const MAX_LANGUAGES = 10;

/** Who is at the door. */
export interface Visitor {
  readonly origin: AttemptOrigin;
  readonly userAgent: string | undefined;
  /** SHA-256 of the browser's name, base64url. */
  readonly browserHash: string;
  /** The secret of the session cookie, whether or not it is good. */
  readonly sessionSecret: string | undefined;
  /** Who is signed in. */
  readonly person: Person | null;
  /** Language tags that the browser asks for, best first. */
  readonly languages: readonly string[];
}

/** Recognises the people and browsers that ask for pages. */
@Injectable()
export class Visitors {
  constructor(
    private readonly cookies: BrowserCookies,
    private readonly sessions: Sessions,
  ) {}

  /** Rejects when the session cannot be looked up. */
  async of(request: TokenHttpRequest, response: ServerResponse): Promise<Visitor> {
    const origin = originOf(request);
    const sessionSecret = this.cookies.sessionOf(request);
    const person =
      sessionSecret === undefined
        ? null
        : await this.sessions.resume(sessionSecret, origin.address);
    return {
      origin,
      userAgent: request.headers['user-agent'],
      browserHash: hashOpaqueSecret(this.cookies.nameOf(request, response)),
      sessionSecret,
      person,
      languages: languagesOf(request.headers['accept-language']),
    };
  }
}

/** The tags of `Accept-Language` in order of their weights (RFC 9110 section 12.5.4). */
function languagesOf(header: string | undefined): readonly string[] {
  return (header ?? '')
    .slice(0, 500)
    .split(',')
    .map((part) => {
      const [tag = '', ...parameters] = part.split(';').map((each) => each.trim());
      const weight = parameters.find((each) => each.startsWith('q='))?.slice(2);
      return { tag, weight: weight === undefined ? 1 : Number(weight) };
    })
    .filter(({ tag, weight }) => tag !== '' && weight > 0)
    .toSorted((a, b) => b.weight - a.weight)
    .map(({ tag }) => tag)
    .slice(0, MAX_LANGUAGES);
}
