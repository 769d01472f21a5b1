import { hash as digest } from 'node:crypto';

/** What a token came of, besides what its other claims name: each a letter for its kind and 96 bits. */
export type Mark = string;

/** Characters of a fingerprint: 96 bits in base64url. */
const LENGTH = 16;
/** Marks that one token carries at most: a chain of sixteen hops, and each token narrowed some times. */
const MOST = 64;
const CLAIM = /^[0-9a-z]{1,11}(?:\.[tkpch][A-Za-z0-9_-]{16}){1,64}$/;

/** A token that another one comes of. */
export interface Ancestor {
  /** SHA-256 of the whole token, base64url. */
  readonly hash: string;
  /** The key of ours that signed it. */
  readonly keyId: string | undefined;
  /** Milliseconds since the epoch. */
  readonly issuedAt: number;
  readonly lineage: Lineage;
}

/** What else decides whether a token stays good, where the token itself does not name it. */
export interface Unnamed {
  /** The policy that allowed it, with its version. */
  readonly policy?: { readonly policy: string; readonly version: string } | undefined;
  /** Clients that had a part in it. */
  readonly clients: readonly string[];
  /** Chains that an ancestor is in and the token is not. */
  readonly chains?: readonly string[];
  /** The client that it is issued to, where the token does not say so. */
  readonly askedBy?: string | undefined;
}

/**
 * Where a token comes from: when its first ancestor was issued, and a fingerprint of every ancestor, of
 * the keys that signed them, and of the policies and clients behind them. Each token carries its own,
 * so that whoever knows what was revoked knows what died with it, without walking a tree.
 */
export class Lineage {
  /** That of a token which comes of no other. */
  static readonly NONE = new Lineage(undefined, []);

  private constructor(
    /** When the oldest token of it was issued, in milliseconds since the epoch. */
    readonly rootTime: number | undefined,
    /** Oldest first. */
    readonly marks: readonly Mark[],
  ) {}

  /** What a claim tells; undefined when it cannot be read. */
  static read(claim: unknown): Lineage | undefined {
    if (claim === undefined) return Lineage.NONE;
    if (typeof claim !== 'string' || !CLAIM.test(claim)) return undefined;
    const [time = '', ...marks] = claim.split('.');
    return new Lineage(Number.parseInt(time, 36), marks);
  }

  /** That of a token which comes of these. */
  static of(
    ancestors: readonly Ancestor[],
    { policy, clients, chains = [], askedBy }: Unnamed,
  ): Lineage {
    const marks = new Set(ancestors.flatMap(({ lineage }) => lineage.marks));
    for (const clientId of clients) marks.add(clientMark(clientId));
    for (const chainId of chains) marks.add(chainMark(chainId));
    for (const { hash, keyId } of ancestors) {
      marks.add(tokenMark(hash));
      if (keyId !== undefined) marks.add(keyMark(keyId));
    }
    if (policy !== undefined) marks.add(policyMark(policy));
    if (askedBy !== undefined) {
      // The last, which every next token's own marks come behind: it was issued to nobody else.
      marks.delete(clientMark(askedBy));
      marks.add(clientMark(askedBy));
    }
    const times = ancestors.map(({ issuedAt, lineage }) => lineage.rootTime ?? issuedAt);
    return new Lineage(Math.min(...times), [...marks]);
  }

  /** Whether it is more than a token can carry. */
  get isTooLong(): boolean {
    return this.marks.length > MOST;
  }

  /** Whether the token was issued to this client, and does not say so otherwise. */
  isAskedBy(clientId: string): boolean {
    return this.marks.at(-1) === clientMark(clientId);
  }

  /** Whether everything of another one is in it. */
  includes(other: Lineage): boolean {
    const isAsOld =
      other.rootTime === undefined ||
      (this.rootTime !== undefined && this.rootTime <= other.rootTime);
    return isAsOld && other.marks.every((mark) => this.marks.includes(mark));
  }

  /** The claim that tells it; undefined for none. */
  toClaim(): string | undefined {
    if (this.rootTime === undefined) return undefined;
    return [this.rootTime.toString(36), ...this.marks].join('.');
  }
}

/** Of a token that nobody presented, so that nothing is issued from it: one that is imagined, or only recorded. */
export const UNKNOWN_ORIGIN: Ancestor = {
  hash: '',
  keyId: undefined,
  issuedAt: 0,
  lineage: Lineage.NONE,
};

/** The first 96 bits of the SHA-256 of a text, base64url. */
export function fingerprint(text: string): string {
  return digest('sha256', text, 'base64url').slice(0, LENGTH);
}

/** @param hash SHA-256 of the token, base64url */
export function tokenMark(hash: string): Mark {
  return `t${hash.slice(0, LENGTH)}`;
}

export function keyMark(keyId: string): Mark {
  return `k${fingerprint(keyId)}`;
}

export function clientMark(clientId: string): Mark {
  return `c${fingerprint(clientId)}`;
}

export function chainMark(chainId: string): Mark {
  return `h${fingerprint(chainId)}`;
}

/** One half tells the policy, the other the version. */
export function policyMark({ policy, version }: { policy: string; version: string }): Mark {
  return `p${policyHalf(policy)}${fingerprint(version).slice(0, LENGTH / 2)}`;
}

/** What the marks of every version of a policy begin with. */
export function policyHalf(policy: string): string {
  return fingerprint(policy).slice(0, LENGTH / 2);
}

/** The half of a mark that tells the policy; undefined when it is about something else. */
export function policyHalfOf(mark: Mark): string | undefined {
  return mark.startsWith('p') ? mark.slice(1, 1 + LENGTH / 2) : undefined;
}
