import type { IncomingMessage } from 'node:http';

import { headerValues } from './attempt-origin.js';

const BEARER = /^Bearer +(\S.*)$/i;

/** What the `Authorization` header of a request says (RFC 6750 section 2.1). */
export type BearerCredentials =
  | { readonly kind: 'token'; readonly token: string }
  /** No header, or one of another scheme. */
  | { readonly kind: 'none' }
  | { readonly kind: 'malformed' }
  | { readonly kind: 'repeated' };

/** Reads the one `Authorization` header; Node would hide a second one. */
export function bearerCredentials(request: IncomingMessage): BearerCredentials {
  const [header, ...others] = headerValues(request, 'authorization');
  if (others.length > 0) return { kind: 'repeated' };
  if (header === undefined || !/^Bearer(?: |$)/i.test(header)) return { kind: 'none' };
  const token = BEARER.exec(header)?.[1];
  return token === undefined ? { kind: 'malformed' } : { kind: 'token', token };
}
