import { describe, expect, it } from '@jest/globals';

import { newClient } from '../../src/clients/client.js';
import { isIssuedTo } from '../../src/clients/token-part.js';
import { Decision } from '../../src/delegation/decision.js';
import type { DelegationPolicy } from '../../src/delegation/delegation-policy.js';
import type { ExchangeRequest } from '../../src/delegation/exchange-request.js';
import { Lineage } from '../../src/delegation/lineage.js';
import type { ActingMode } from '../../src/delegation/verdict.js';
import { revokedBy } from '../../src/tokens/revocable.js';
import { revocationKey, type RevocationTarget } from '../../src/tokens/revocation.js';
import { exchangeRequest, NOW, OURS, THEIRS } from '../support/exchange-requests.js';

const TOKEN_ID = {
  recordId: '0199aaaa-0000-7000-8000-000000000001',
  chainId: '0199aaaa-0000-7000-8000-000000000002',
};
const HASH = 's'.repeat(43);
const OTHER_CHAIN = '0199aaaa-0000-7000-8000-000000000003';

function decided(
  request: ExchangeRequest,
  mode: ActingMode = 'impersonation',
  clientId = request.subjectToken.clientId ?? 'none',
): Promise<Decision> {
  const policy = {
    decide: () => ({
      outcome: 'allowed',
      mode,
      audience: ['x'],
      scope: new Set(['read']),
      expiresAt: NOW + 60,
      basis: { policy: 'test', version: '1', rule: 'all' },
    }),
  } as unknown as DelegationPolicy;
  return Decision.ofExchange(policy, request, { tokenId: TOKEN_ID, clientId });
}

/** The lineage as the token tells it. */
function readable(lineage: Lineage): Lineage {
  const read = Lineage.read(lineage.toClaim());
  if (read === undefined) throw new Error('The claim cannot be read');
  return read;
}

/** Whether a token that was decided is dead once this alone is revoked. */
function diesWith(
  { chain, lineage, clientId, tokenId }: Decision,
  target: RevocationTarget,
): boolean {
  const key = revocationKey(target);
  const token = {
    hash: undefined,
    issuedAt: NOW * 1000,
    lineage: readable(lineage),
    issuer: OURS,
    isOwn: true,
    chainId: tokenId.chainId,
    subject: chain.subject,
    clientId,
    actors: chain.actors,
  };
  const known = {
    has: (letter: string) => key.startsWith(letter),
    find: (each: string) => (each === key ? NOW * 1000 : undefined),
  };
  return revokedBy(token, known) !== undefined;
}

describe('What comes of an exchange dies with', () => {
  it('whoever asked for it, though an actor of another issuer has that name', async () => {
    const decision = await decided(
      exchangeRequest({
        subject: { iss: THEIRS, sub: 'carol' },
        subjectToken: { issuer: THEIRS, hash: HASH },
        actors: [{ iss: THEIRS, sub: 'a' }],
      }),
    );
    expect(decision.chain.depth).toBe(1);
    expect(diesWith(decision, { kind: 'client', clientId: 'a' })).toBe(true);
    expect(diesWith(decision, { kind: 'client', clientId: 'b' })).toBe(false);
  });

  it('the application and the chain of the actor token', async () => {
    const request = exchangeRequest({ subjectToken: { hash: HASH }, actorRemaining: 100 });
    const { actorToken } = request;
    if (actorToken === undefined) throw new Error('There is no actor token');
    const decision = await decided(
      {
        ...request,
        actorToken: {
          ...actorToken,
          hash: 'a'.repeat(43),
          clientId: 'lender',
          tokenId: { recordId: TOKEN_ID.recordId, chainId: OTHER_CHAIN },
        },
      },
      'delegation',
    );
    expect(diesWith(decision, { kind: 'client', clientId: 'lender' })).toBe(true);
    expect(diesWith(decision, { kind: 'chain', chainId: OTHER_CHAIN })).toBe(true);
    expect(diesWith(decision, { kind: 'chain', chainId: TOKEN_ID.recordId })).toBe(false);
  });
});

describe('What comes of an exchange was issued to', () => {
  it('whoever asked for it, a prior actor or the application of an acted token too', async () => {
    for (const [actors, application] of [
      [
        [
          { iss: OURS, sub: 'b' },
          { iss: OURS, sub: 'a' },
        ],
        'web',
      ],
      [[{ iss: OURS, sub: 'b' }], 'a'],
    ] as const) {
      const request = exchangeRequest({ actors, subjectToken: { clientId: application } });
      const { chain, lineage } = await decided(request);
      const token = { ...request.subjectToken, chain, lineage };
      expect(isIssuedTo(newClient({ clientId: 'a' }), token, OURS)).toBe(true);
      expect(isIssuedTo(newClient({ clientId: 'web' }), token, OURS)).toBe(false);
    }
  });

  it('not to the application that it does not name any more', async () => {
    const request = exchangeRequest();
    const { chain, lineage } = await decided(request, 'impersonation', 'a');
    const token = { ...request.subjectToken, clientId: 'a', chain, lineage };
    expect(isIssuedTo(newClient({ clientId: 'a' }), token, OURS)).toBe(true);
    expect(isIssuedTo(newClient({ clientId: 'web' }), token, OURS)).toBe(false);
  });
});
