import { describe, expect, it } from '@jest/globals';

import { newClient } from '../../src/clients/client.js';
import { isIssuedTo, mayLearnOf } from '../../src/clients/token-part.js';
import { Lineage, UNKNOWN_ORIGIN } from '../../src/delegation/lineage.js';
import { exchangeRequest, OURS, THEIRS, type Changes } from '../support/exchange-requests.js';

const CLIENT = newClient({
  clientId: 'a',
  identifiers: ['https://api.example/a'],
  exchange: { actorIdentities: [{ iss: THEIRS, sub: 'svc' }] },
});

/** A token of ours that has nothing to do with the client, but for what is changed. */
function tokenOf({ subjectToken, ...changes }: Changes = {}) {
  const token = { isOwn: true, audience: ['x'], ...subjectToken };
  return exchangeRequest({ ...changes, subjectToken: token }).subjectToken;
}

/** The lineage of a token which this client asked for, where no other claim tells. */
function hidden(askedBy: string): Lineage {
  return Lineage.of([UNKNOWN_ORIGIN], { clients: [], askedBy });
}

/** That of a token which somebody made of one that the client had asked for. */
function madeOf(lineage: Lineage, askedBy?: string): Lineage {
  const origin = { ...UNKNOWN_ORIGIN, hash: 'o'.repeat(43), lineage };
  return Lineage.of([origin], { clients: [], askedBy });
}

const NOBODYS: readonly (readonly [string, Changes])[] = [
  ['another application got, for another service', {}],
  [
    'names it as a prior actor',
    {
      actors: [
        { iss: OURS, sub: 'b' },
        { iss: OURS, sub: 'a' },
      ],
    },
  ],
  [
    'names somebody of its name at another issuer as actor',
    { actors: [{ iss: THEIRS, sub: 'a' }] },
  ],
  [
    'names an actor of another issuer that says it acts through a client of its name',
    { actors: [{ iss: THEIRS, sub: 'other', clientId: 'a' }] },
  ],
  [
    'somebody made of one that it had asked for',
    { subjectToken: { lineage: madeOf(hidden('a')) } },
  ],
  [
    'somebody else asked for with one that it had asked for',
    { subjectToken: { lineage: madeOf(hidden('a'), 'b') } },
  ],
  [
    'comes of an application of its name, which it does not name',
    { subjectToken: { lineage: Lineage.of([UNKNOWN_ORIGIN], { clients: ['a'] }) } },
  ],
  ['names it as subject', { subject: { iss: OURS, sub: 'a' } }],
  ['has an audience that its own is the beginning of', { subjectToken: { audience: ['a1'] } }],
  ['has an audience that differs in case', { subjectToken: { audience: ['A'] } }],
  [
    'names a foreign application of its name, and another client asked for it',
    { subjectToken: { clientId: 'a', clientIssuer: THEIRS, lineage: hidden('b') } },
  ],
  [
    'names a foreign application of its name, and another client acts',
    {
      subjectToken: { clientId: 'a', clientIssuer: THEIRS },
      actors: [{ iss: OURS, sub: 'b', clientId: 'b' }],
    },
  ],
];

/** What was issued to the client. */
const ISSUED: readonly (readonly [string, Changes])[] = [
  ['names it as the application, and nobody acts', { subjectToken: { clientId: 'a' } }],
  ['names it as the current actor', { actors: [{ iss: OURS, sub: 'a', clientId: 'a' }] }],
  ['names it as the current actor by its subject alone', { actors: [{ iss: OURS, sub: 'a' }] }],
  [
    'names it as the current actor under the name that it has elsewhere',
    { actors: [{ iss: THEIRS, sub: 'svc', clientId: 'a' }] },
  ],
  ['names it in the lineage alone', { subjectToken: { lineage: hidden('a') } }],
  [
    'names it in the lineage alone, as somebody before and now',
    { subjectToken: { lineage: madeOf(madeOf(hidden('a'), 'b'), 'a') } },
  ],
  [
    'names it as the application because the foreign subject had none',
    { subjectToken: { clientId: 'a', clientIssuer: THEIRS } },
  ],
];

/** What the client may know although somebody else got it. */
const TOLD: readonly (readonly [string, Changes])[] = [
  ['is meant for it by its id', { subjectToken: { audience: ['x', 'a'] } }],
  ['is meant for it by another name', { subjectToken: { audience: ['https://api.example/a'] } }],
  [
    'names it as the application, and another client acts',
    { subjectToken: { clientId: 'a' }, actors: [{ iss: OURS, sub: 'b' }] },
  ],
];

describe('A client has no part in a token of ours that', () => {
  it.each(NOBODYS)('%s', (_, changes) => {
    const token = tokenOf(changes);
    expect([isIssuedTo(CLIENT, token, OURS), mayLearnOf(CLIENT, token, OURS)]).toEqual([
      false,
      false,
    ]);
  });

  it('it is told of all the same when its settings say so, and cannot take back', () => {
    const all = newClient({ clientId: 'a', accessTokens: { introspectsAll: true } });
    expect([isIssuedTo(all, tokenOf(), OURS), mayLearnOf(all, tokenOf(), OURS)]).toEqual([
      false,
      true,
    ]);
  });
});

describe('A client has part in a token of ours that', () => {
  it.each(ISSUED)('%s: it was issued to it', (_, changes) => {
    const token = tokenOf(changes);
    expect([isIssuedTo(CLIENT, token, OURS), mayLearnOf(CLIENT, token, OURS)]).toEqual([
      true,
      true,
    ]);
  });

  it.each(TOLD)('%s: it may know it, and not take it back', (_, changes) => {
    const token = tokenOf(changes);
    expect([isIssuedTo(CLIENT, token, OURS), mayLearnOf(CLIENT, token, OURS)]).toEqual([
      false,
      true,
    ]);
  });
});
