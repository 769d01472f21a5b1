import { fingerprint, policyHalf, policyMark, tokenMark } from '../delegation/lineage.js';
import type { Party } from '../delegation/party.js';
import type { RefusalReason } from '../oauth/refusal-reason.js';

/**
 * What is revoked, with everything that came of it. Tokens, chains and versions of policies for good;
 * of all others what was issued so far: who is named may be given new ones.
 */
export type RevocationTarget =
  /** @property hash SHA-256 of the token, base64url */
  | { readonly kind: 'token'; readonly hash: string }
  | { readonly kind: 'chain'; readonly chainId: string }
  | ({ readonly kind: 'subject' } & Party)
  /** Whoever acts anywhere in a chain. */
  | ({ readonly kind: 'actor' } & Party)
  /** A client of this server: as the application, as an actor anywhere, or behind either. */
  | { readonly kind: 'client'; readonly clientId: string }
  /** One version of a policy, or all of them so far. */
  | { readonly kind: 'policy'; readonly policyId: string; readonly version?: number | undefined }
  | { readonly kind: 'issuer'; readonly issuer: string }
  /** Every token of this server, and all that came of others. */
  | { readonly kind: 'all' };

/** One thing that is revoked, as it is kept and looked up: says nothing about whom it names. */
export interface Revocation {
  /** A letter for the kind, and 96 bits of a hash. */
  readonly key: string;
  /** Tokens whose first ancestor was issued until then are dead. Milliseconds since the epoch. */
  readonly before: number;
  /** When nothing can be alive any more that it kills; null for never. Milliseconds since the epoch. */
  readonly expiresAt: number | null;
}

/** For good. */
export const FOR_EVER = 2 ** 48 - 1;

/** Milliseconds that the clocks of the instances may differ: what is issued in that time dies, too. */
export const CLOCK_MARGIN = 1_000;

/** The letters of keys, and why a token that has one is refused. */
export const REVOKED_REASONS = {
  t: 'token_revoked',
  h: 'chain_revoked',
  s: 'subject_revoked',
  a: 'actor_revoked',
  c: 'client_revoked',
  p: 'policy_revoked',
  q: 'policy_revoked',
  i: 'issuer_revoked',
  e: 'tokens_revoked',
} as const satisfies Readonly<Record<string, RefusalReason>>;

export type KeyLetter = keyof typeof REVOKED_REASONS;

/** The one key of every token. */
export const EVERY_KEY = `e${'A'.repeat(16)}`;

/** The key by which a target is kept. */
export function revocationKey(target: RevocationTarget): string {
  switch (target.kind) {
    case 'token':
      return tokenMark(target.hash);
    case 'chain':
      return keyOf('h', target.chainId);
    case 'subject':
      return partyKey('s', target);
    case 'actor':
      return partyKey('a', target);
    case 'client':
      return keyOf('c', target.clientId);
    case 'policy': {
      const { policyId: policy, version } = target;
      return version === undefined
        ? everyVersionKey(policyHalf(policy))
        : policyMark({ policy, version: String(version) });
    }
    case 'issuer':
      return keyOf('i', target.issuer);
    default:
      return EVERY_KEY;
  }
}

/** Whether what is issued later under the same name is dead as well. */
export function isForEver({ kind, ...target }: RevocationTarget): boolean {
  return (
    kind === 'token' ||
    kind === 'chain' ||
    (kind === 'policy' && 'version' in target && target.version !== undefined)
  );
}

export function keyOf(letter: KeyLetter, text: string): string {
  return letter + fingerprint(text);
}

/** No issuer has a line break in it. */
export function partyKey(letter: 's' | 'a', { iss, sub }: Party): string {
  return keyOf(letter, `${iss}\n${sub}`);
}

/** @param half what the marks of every version of the policy begin with */
export function everyVersionKey(half: string): string {
  return `q${half}${'A'.repeat(8)}`;
}

/** One for each key: the later times of all that have it. */
export function strongest(revocations: readonly Revocation[]): readonly Revocation[] {
  const kept = new Map<string, Revocation>();
  for (const each of revocations) {
    const known = kept.get(each.key);
    kept.set(each.key, known === undefined ? each : stronger(known, each));
  }
  return [...kept.values()];
}

function stronger(one: Revocation, other: Revocation): Revocation {
  const isForgotten = one.expiresAt !== null && other.expiresAt !== null;
  return {
    key: one.key,
    before: Math.max(one.before, other.before),
    expiresAt: isForgotten ? Math.max(one.expiresAt, other.expiresAt) : null,
  };
}
