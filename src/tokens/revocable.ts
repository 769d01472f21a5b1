import { policyHalfOf, tokenMark, type Lineage } from '../delegation/lineage.js';
import type { Party } from '../delegation/party.js';
import {
  CLOCK_MARGIN,
  EVERY_KEY,
  everyVersionKey,
  keyOf,
  partyKey,
  type KeyLetter,
} from './revocation.js';

/** Everything of a token by which it can be revoked. */
export interface Revocable {
  /** SHA-256, base64url; undefined for one that is not issued yet. */
  readonly hash: string | undefined;
  /** Milliseconds since the epoch. */
  readonly issuedAt: number;
  readonly lineage: Lineage;
  readonly issuer: string;
  /** Whether this server issued it. */
  readonly isOwn: boolean;
  readonly chainId: string | undefined;
  readonly subject: Party;
  readonly clientId: string | undefined;
  readonly actors: readonly (Party & { readonly clientId?: string | undefined })[];
}

/** What is known to be revoked. */
export interface KnownRevocations {
  has(letter: KeyLetter): boolean;
  find(key: string): number | undefined;
}

/**
 * The key by which something is dead; undefined when it lives. What it costs depends on what the token
 * names, never on how many came before it.
 */
export function revokedBy(token: Revocable, known: KnownRevocations): string | undefined {
  const rootTime = token.lineage.rootTime ?? token.issuedAt;
  for (const key of keysOf(token, known)) {
    if (isDead(rootTime, known.find(key))) return key;
  }
  return undefined;
}

/** @param before until when what came of it is dead, in milliseconds since the epoch; undefined for what is not revoked */
export function isDead(rootTime: number, before: number | undefined): boolean {
  return before !== undefined && rootTime <= before + CLOCK_MARGIN;
}

/** The keys that a token has, of those letters of which there are any. */
export function* keysOf(token: Revocable, known: Pick<KnownRevocations, 'has'>): Iterable<string> {
  const { hash, lineage, chainId, subject, actors } = token;
  if (known.has('t') && hash !== undefined) yield tokenMark(hash);
  for (const mark of lineage.marks) {
    yield mark;
    const half = policyHalfOf(mark);
    if (half !== undefined) yield everyVersionKey(half);
  }
  if (known.has('h') && chainId !== undefined) yield keyOf('h', chainId);
  if (known.has('s')) yield partyKey('s', subject);
  if (known.has('a')) for (const actor of actors) yield partyKey('a', actor);
  if (known.has('c')) for (const name of clientsOf(token)) yield keyOf('c', name);
  if (known.has('i')) for (const name of issuersOf(token)) yield keyOf('i', name);
  if (known.has('e')) yield EVERY_KEY;
}

/**
 * Every client that it names. Another issuer's application of the same name counts as well: its name
 * cannot be told from that of a client of ours that took the part of an application nobody named.
 */
function clientsOf({ clientId, actors, issuer, isOwn }: Revocable): ReadonlySet<string> {
  const names = actors.map((actor) =>
    actor.clientId === undefined && isOwn && actor.iss === issuer ? actor.sub : actor.clientId,
  );
  return new Set([clientId, ...names].filter((name) => name !== undefined));
}

function issuersOf({ issuer, subject, actors }: Revocable): ReadonlySet<string> {
  return new Set([issuer, subject.iss, ...actors.map(({ iss }) => iss)]);
}
