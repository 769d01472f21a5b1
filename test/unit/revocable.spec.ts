import { hash } from 'node:crypto';

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import {
  chainMark,
  clientMark,
  keyMark,
  Lineage,
  policyHalf,
  policyHalfOf,
  policyMark,
  tokenMark,
  type Ancestor,
} from '../../src/delegation/lineage.js';
import { revokedBy, type KnownRevocations, type Revocable } from '../../src/tokens/revocable.js';
import {
  FOR_EVER,
  isForEver,
  revocationKey,
  type RevocationTarget,
} from '../../src/tokens/revocation.js';

const ISSUERS = ['https://idp.example', 'https://login.example'] as const;
const NAMES = ['a', 'b', 'c'] as const;
const START = 1_800_000_000_000;

/** A token of a tree, with those that it comes of. */
interface Node {
  readonly token: Revocable & { readonly hash: string };
  readonly parents: readonly number[];
  readonly policy: { readonly policy: string; readonly version: string };
  readonly keyId: string;
  /** A client that had a part and is named by no other claim. */
  readonly hidden: readonly string[];
}

const party = fc.record({
  iss: fc.constantFrom(...ISSUERS),
  sub: fc.constantFrom(...NAMES),
});

const step = fc.record({
  /** Of the tokens before it; none begins a tree. */
  parents: fc.array(fc.nat(), { maxLength: 2 }),
  delay: fc.integer({ min: 0, max: 3_000 }),
  subject: party,
  actor: fc.option(party, { nil: undefined }),
  clientId: fc.constantFrom(...NAMES),
  issuer: fc.constantFrom(...ISSUERS),
  policy: fc.constantFrom('p', 'q'),
  version: fc.constantFrom('1', '2'),
  keyId: fc.constantFrom('k1', 'k2'),
  hidden: fc.subarray([...NAMES], { maxLength: 1 }),
});

/** Trees of tokens in the order in which they were issued: each knows its own lineage and nothing else. */
const forests: fc.Arbitrary<readonly Node[]> = fc
  .array(step, { minLength: 1, maxLength: 12 })
  .map((steps) => {
    const nodes: Node[] = [];
    let issuedAt = START;
    for (const [index, made] of steps.entries()) {
      issuedAt += made.delay;
      const parents = [...new Set(index === 0 ? [] : made.parents.map((each) => each % index))];
      const ancestors = parents.flatMap((each) => nodes[each] ?? []);
      const lineage =
        ancestors.length === 0
          ? Lineage.NONE
          : Lineage.of(
              ancestors.map(({ token, keyId }) => ({ ...token, keyId })),
              { policy: made, clients: made.hidden },
            );
      const [before] = ancestors;
      const chainId =
        before?.token.chainId ?? (before === undefined ? undefined : `chain-${index}`);
      nodes.push({
        parents,
        policy: made,
        keyId: made.keyId,
        hidden: ancestors.length === 0 ? [] : made.hidden,
        token: {
          hash: hash('sha256', `token ${index}`, 'base64url'),
          issuedAt,
          // Through the claim, as it travels.
          lineage: Lineage.read(lineage.toClaim()) ?? Lineage.NONE,
          issuer: made.issuer,
          isOwn: made.issuer === ISSUERS[0],
          chainId,
          subject: before?.token.subject ?? made.subject,
          clientId: made.clientId,
          actors: [
            ...(made.actor === undefined ? [] : [made.actor]),
            ...(before?.token.actors ?? []),
          ],
        },
      });
    }
    return nodes;
  });

const targets: fc.Arbitrary<RevocationTarget> = fc.oneof(
  fc.nat({ max: 11 }).map((index): RevocationTarget => ({
    kind: 'token',
    hash: hash('sha256', `token ${index}`, 'base64url'),
  })),
  fc.nat({ max: 11 }).map((index): RevocationTarget => ({
    kind: 'chain',
    chainId: `chain-${index}`,
  })),
  party.map((named): RevocationTarget => ({ kind: 'subject', ...named })),
  party.map((named): RevocationTarget => ({ kind: 'actor', ...named })),
  fc.constantFrom(...NAMES).map((clientId): RevocationTarget => ({ kind: 'client', clientId })),
  fc
    .record({ policyId: fc.constantFrom('p', 'q'), version: fc.constantFrom(1, 2, undefined) })
    .map((named): RevocationTarget => ({ kind: 'policy', ...named })),
  fc.constantFrom(...ISSUERS).map((issuer): RevocationTarget => ({ kind: 'issuer', issuer })),
  fc.constant<RevocationTarget>({ kind: 'all' }),
);

const revocations = fc.record({
  target: targets,
  at: fc.integer({ min: START - 5_000, max: START + 40_000 }),
});

type Made = readonly { readonly target: RevocationTarget; readonly at: number }[];

/** What is known once these were revoked, as a store keeps it. */
function known(made: Made): KnownRevocations {
  const times = new Map<string, number>();
  for (const { target, at } of made) {
    const key = revocationKey(target);
    times.set(key, Math.max(times.get(key) ?? 0, isForEver(target) ? FOR_EVER : at));
  }
  const letters = new Set([...times.keys()].map((key) => key.charAt(0)));
  return { has: (letter) => letters.has(letter), find: (key) => times.get(key) };
}

/** A token with every one that it comes of, over all links. */
function familyOf(nodes: readonly Node[], index: number): ReadonlySet<number> {
  const found = new Set([index]);
  for (const each of found) for (const parent of nodes[each]?.parents ?? []) found.add(parent);
  return found;
}

describe('A tree of tokens', () => {
  it('never gets a dead token back, whatever else is revoked (CVE-2026-8922)', () => {
    fc.assert(
      fc.property(
        forests,
        fc.array(revocations, { maxLength: 6 }),
        fc.array(revocations, { maxLength: 3 }),
        fc.nat(),
        (nodes, before, more, place) => {
          const after = before.toSpliced(place % (before.length + 1), 0, ...more);
          for (const { token } of nodes)
            if (revokedBy(token, known(before)) !== undefined)
              expect(revokedBy(token, known(after))).toBeDefined();
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('dies the same in whatever order it is revoked, and once as often', () => {
    fc.assert(
      fc.property(forests, fc.array(revocations, { maxLength: 6 }), (nodes, made) => {
        const turned = [...made.toReversed(), ...made];
        for (const { token } of nodes)
          expect(revokedBy(token, known(turned)) === undefined).toBe(
            revokedBy(token, known(made)) === undefined,
          );
      }),
    );
  });

  it('loses exactly the descendants of a token, through links that expired or were refused', () => {
    fc.assert(
      fc.property(forests, fc.nat(), (nodes, pick) => {
        const index = pick % nodes.length;
        const dead = nodes[index];
        if (dead === undefined) return;
        // Nothing is asked of the tokens between: only each token itself, and the one that was revoked.
        const revoked = known([{ target: { kind: 'token', hash: dead.token.hash }, at: 0 }]);
        for (const [each, { token }] of nodes.entries())
          expect([each, revokedBy(token, revoked) !== undefined]).toEqual([
            each,
            familyOf(nodes, each).has(index),
          ]);
      }),
      { numRuns: 1_000 },
    );
  });

  it('loses exactly what a version of a policy allowed, and what came of that', () => {
    fc.assert(
      fc.property(
        forests,
        fc.constantFrom('p', 'q'),
        fc.constantFrom('1', '2'),
        (nodes, policyId, version) => {
          const target = { kind: 'policy', policyId, version: Number(version) } as const;
          const revoked = known([{ target, at: 0 }]);
          const allowed = (index: number): boolean => {
            const node = nodes[index];
            const { policy } = node ?? {};
            const isExchanged = (node?.parents.length ?? 0) > 0;
            return isExchanged && policy?.policy === policyId && policy.version === version;
          };
          for (const [each, { token }] of nodes.entries())
            expect([each, revokedBy(token, revoked) !== undefined]).toEqual([
              each,
              [...familyOf(nodes, each)].some(allowed),
            ]);
        },
      ),
    );
  });

  it('loses exactly what a hidden client had a part in, of what began by then', () => {
    fc.assert(
      fc.property(forests, fc.integer({ min: 0, max: 30_000 }), (nodes, after) => {
        const at = START + after;
        const revoked = known([{ target: { kind: 'client', clientId: 'a' }, at }]);
        const [own] = ISSUERS;
        for (const [each, { token }] of nodes.entries()) {
          const family = [...familyOf(nodes, each)].flatMap((index) => nodes[index] ?? []);
          const began = Math.min(...family.map((node) => node.token.issuedAt));
          const { clientId, actors, issuer, isOwn } = token;
          const isNamed =
            clientId === 'a' ||
            actors.some(({ iss, sub }) => isOwn && iss === issuer && iss === own && sub === 'a');
          const isPart = isNamed || family.some((node) => node.hidden.includes('a'));
          expect([each, revokedBy(token, revoked) !== undefined]).toEqual([
            each,
            isPart && began <= at + 1_000,
          ]);
        }
      }),
    );
  });

  it('is looked up by the marks of a token alone, however long its way was', () => {
    let lineage = Lineage.NONE;
    const asked: string[] = [];
    for (let index = 0; index < 16; index += 1) {
      const issuedAt = START + index;
      const ancestor = { hash: hash('sha256', `${index}`, 'base64url'), keyId: 'k', issuedAt };
      lineage = Lineage.of([{ ...ancestor, lineage }], { clients: [] });
    }
    const token: Revocable = {
      hash: hash('sha256', 'last', 'base64url'),
      issuedAt: START + 16,
      lineage,
      issuer: ISSUERS[0],
      isOwn: true,
      chainId: 'chain',
      subject: { iss: ISSUERS[0], sub: 'alice' },
      clientId: 'a',
      actors: [],
    };
    const revoked: KnownRevocations = {
      has: (letter) => letter === 't',
      find: (key) => {
        asked.push(key);
        return undefined;
      },
    };
    expect(revokedBy(token, revoked)).toBeUndefined();
    // Itself, sixteen ancestors and the one key that signed them.
    expect(asked).toHaveLength(18);
    expect(asked[0]).toBe(tokenMark(token.hash ?? ''));
  });
});

/** A token that was issued so many milliseconds after the start. */
function ancestor(name: string, delay: number, more: Partial<Ancestor> = {}): Ancestor {
  return {
    hash: sha256(name),
    keyId: undefined,
    issuedAt: START + delay,
    lineage: Lineage.NONE,
    ...more,
  };
}

function sha256(text: string): string {
  return hash('sha256', text, 'base64url');
}

const MARK = `t${'A'.repeat(16)}`;

describe('A lineage', () => {
  it('names the tokens, their keys, the policy, the clients and the chains, and when the oldest began', () => {
    const policy = { policy: 'parcels', version: '3' };
    const first = ancestor('first', 5, { keyId: 'k' });
    const before = Lineage.of([first], { policy, clients: ['a'], chains: ['chain'] });
    const marks = [
      clientMark('a'),
      chainMark('chain'),
      tokenMark(first.hash),
      keyMark('k'),
      policyMark(policy),
    ];
    expect(before).toMatchObject({ rootTime: START + 5, marks });
    const second = ancestor('second', 9, { lineage: before });
    const beside = ancestor('beside', 7);
    expect(Lineage.of([second, beside], { clients: [] })).toMatchObject({
      rootTime: START + 5,
      marks: [...marks, tokenMark(second.hash), tokenMark(beside.hash)],
    });
    expect(Lineage.of([second], { clients: ['a'] }).marks).toHaveLength(6);
  });

  it('is read as it was told, and of none nothing is told', () => {
    const lineage = Lineage.of([ancestor('first', 5)], { clients: ['a'] });
    expect(lineage.toClaim()).toBe([(START + 5).toString(36), ...lineage.marks].join('.'));
    expect(Lineage.read(lineage.toClaim())).toEqual(lineage);
    expect(Lineage.NONE.toClaim()).toBeUndefined();
    expect(Lineage.read(undefined)).toBe(Lineage.NONE);
  });

  it('that is damaged is not read at all', () => {
    const many = Array.from({ length: 64 }, () => MARK);
    const long = `1${'0'.repeat(10)}`;
    for (const claim of [`${long}.${MARK}`, `0.${MARK}`, ['1', ...many].join('.')])
      expect(Lineage.read(claim)?.toClaim()).toBe(claim);
    for (const claim of [
      null,
      17,
      [],
      '',
      '1',
      '1.',
      `.${MARK}`,
      `z${long}.${MARK}`,
      `A.${MARK}`,
      `1.${MARK} `,
      ` 1.${MARK}`,
      `1.${MARK}A`,
      `1.${MARK.slice(1)}`,
      `1.x${MARK.slice(1)}`,
      `1.${MARK.slice(0, -1)}`,
      `1.${MARK.slice(0, -1)}+`,
      `1.${MARK}..${MARK}`,
      `1-${MARK}`,
      ['1', ...many, MARK].join('.'),
      { toString: () => `1.${MARK}` },
    ])
      expect({ claim, lineage: Lineage.read(claim) }).toEqual({ claim, lineage: undefined });
  });

  it('is too long from the sixty-fifth mark on', () => {
    const names = Array.from({ length: 65 }, (_, index) => `client-${index}`);
    const root = [ancestor('first', 0)];
    expect(Lineage.of(root, { clients: names.slice(0, 63) }).isTooLong).toBe(false);
    expect(Lineage.of(root, { clients: names.slice(0, 64) }).isTooLong).toBe(true);
  });

  it('includes one that is as old and has no other marks, and none always', () => {
    const first = ancestor('first', 5);
    const lineage = Lineage.of([first], { clients: ['a'] });
    const later = Lineage.of([{ ...first, issuedAt: START + 6 }], { clients: [] });
    const earlier = Lineage.of([{ ...first, issuedAt: START + 4 }], { clients: [] });
    for (const part of [lineage, later, Lineage.NONE]) expect(lineage.includes(part)).toBe(true);
    expect(lineage.includes(earlier)).toBe(false);
    expect(lineage.includes(Lineage.of([first], { clients: ['a', 'b'] }))).toBe(false);
    expect(Lineage.NONE.includes(Lineage.NONE)).toBe(true);
    expect(Lineage.NONE.includes(Lineage.of([], { clients: [] }))).toBe(false);
  });

  it('has marks of one letter and 96 bits, that of a policy half for it and half for its version', () => {
    expect(tokenMark(sha256('token'))).toBe(`t${sha256('token').slice(0, 16)}`);
    expect(keyMark('k')).toBe(`k${sha256('k').slice(0, 16)}`);
    expect(clientMark('a')).toBe(`c${sha256('a').slice(0, 16)}`);
    expect(chainMark('chain')).toBe(`h${sha256('chain').slice(0, 16)}`);
    const mark = policyMark({ policy: 'parcels', version: '3' });
    expect(mark).toBe(`p${sha256('parcels').slice(0, 8)}${sha256('3').slice(0, 8)}`);
    expect(policyHalfOf(mark)).toBe(policyHalf('parcels'));
    expect(policyHalf('parcels')).toBe(sha256('parcels').slice(0, 8));
    expect(policyHalfOf(clientMark('parcels'))).toBeUndefined();
  });
});
