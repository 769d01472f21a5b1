import type { JsonObject } from '../oauth/claims.js';
import type { Party } from './party.js';

/** Claims that never go into `act`: they would make it look like a token (RFC 8693 section 4.1). */
const NEVER_IN_ACT: ReadonlySet<string> = new Set([
  'iss',
  'sub',
  'client_id',
  'act',
  'exp',
  'nbf',
  'iat',
  'aud',
  'jti',
  'cnf',
  'scope',
  'may_act',
]);
const MAX_NAME_LENGTH = 512;

/**
 * One actor of a chain: a party, the client it is or acts through, and the `act` object it was read
 * from or will be written as, without the nested `act`.
 */
export class Actor implements Party {
  private constructor(
    readonly iss: string,
    readonly sub: string,
    readonly clientId: string | undefined,
    readonly claims: JsonObject,
  ) {}

  /** A new actor, with claims that the deployment adds by name. */
  static of(party: Party, clientId?: string, added: JsonObject = {}): Actor {
    const extra = Object.entries(added).filter(([name]) => !NEVER_IN_ACT.has(name));
    return new Actor(party.iss, party.sub, clientId, {
      iss: party.iss,
      sub: party.sub,
      ...(clientId === undefined ? {} : { client_id: clientId }),
      ...Object.fromEntries(extra),
    });
  }

  /**
   * An actor as an inbound `act` names it; its claims are kept as they are, never interpreted.
   * @param defaultIss the token's issuer, which an `act` without `iss` means
   * @returns undefined when the object does not name anybody
   */
  static read(claims: JsonObject, defaultIss: string): Actor | undefined {
    const { act: _nested, ...own } = claims;
    const iss = own['iss'] === undefined ? defaultIss : readName(own['iss']);
    const sub = readName(own['sub']);
    const clientId = own['client_id'] === undefined ? undefined : readName(own['client_id']);
    if (iss === undefined || sub === undefined) return undefined;
    if (own['client_id'] !== undefined && clientId === undefined) return undefined;
    return new Actor(iss, sub, clientId, own);
  }
}

/** A name as a claim may carry it: a string of visible characters and at most 512 of them. */
export function readName(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length === 0 || value.length > MAX_NAME_LENGTH)
    return undefined;
  return hasControlCharacter(value) ? undefined : value;
}

function hasControlCharacter(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return true;
  }
  return false;
}
