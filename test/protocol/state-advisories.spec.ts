import { createHash, randomBytes } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { SealedValues } from '../../src/keys/sealed-values.js';
import { InMemoryRevocationStore } from '../../src/testing/index.js';
import { revocationKey } from '../../src/tokens/revocation.js';
import { Revocations } from '../../src/tokens/revocations.js';
import { ISSUER, Protocol, type Answer } from '../support/protocol.js';

const DAY = 24 * 60 * 60_000;

let server: Protocol;

beforeAll(async () => {
  server = await Protocol.start();
  await server.storyClients();
});

afterAll(() => server.stop());

async function reasonFor(work: () => Promise<Answer>): Promise<string | undefined> {
  const { answer, record } = await server.recorded(work);
  if (answer.status === 200) return undefined;
  expect([answer.status, answer.body['error']]).toEqual([400, 'invalid_request']);
  return record.reason;
}

describe('CVE-2025-31123, CVE-2020-35509: a key was good beyond its time', () => {
  it('what it signed is accepted until the last second of it, and not in the next', async () => {
    const other = await Protocol.start();
    await other.storyClients();
    const token = await other.ownToken({ exp: other.now + 10 * 86_400 });
    await other.ring.rotate({ immediately: true });
    // Twenty-five hours after the next one took over.
    other.clock.advance(25 * 60 * 60_000 - 1_000);
    expect((await other.exchange({ subject_token: token })).status).toBe(200);
    other.clock.advance(2_000);
    const { answer, record } = await other.recorded(() => other.exchange({ subject_token: token }));
    expect(answer.body['error']).toBe('invalid_request');
    expect(record.reason).toBe('token_key_unknown');
    await other.stop();
  });

  it('nor before its time: one that is announced verifies nothing yet', async () => {
    const other = await Protocol.start();
    await other.storyClients();
    const announced = await other.ring.rotate();
    const early = await other.signed(JSON.stringify({ iss: ISSUER }), { kid: announced.kid });
    const { record } = await other.recorded(() => other.exchange({ subject_token: early }));
    expect(record).toMatchObject({ outcome: 'refused', reason: 'token_key_unknown' });
    await other.stop();
  });
});

describe('CVE-2026-8922: one revocation hid another', () => {
  it('an earlier one that comes later, or one that ends sooner, brings nothing back', async () => {
    const revocations = server.app.get(Revocations, { strict: false });
    const store = server.app.get(InMemoryRevocationStore, { strict: false });
    const token = await server.ownToken({ sub: 'hidden' });
    const exchange = (): Promise<Answer> => server.exchange({ subject_token: token });
    expect(await reasonFor(exchange)).toBeUndefined();
    const target = { kind: 'subject', iss: ISSUER, sub: 'hidden' } as const;
    await revocations.revoke(target);
    expect(await reasonFor(exchange)).toBe('subject_revoked');
    const key = revocationKey(target);
    for (const weaker of [
      { key, before: 0, expiresAt: null },
      { key, before: server.clock.now() - DAY, expiresAt: 1 },
      { key, before: 1, expiresAt: server.clock.now() + 1_000 },
    ]) {
      await store.add([weaker]);
      server.clock.advance(1_000);
      expect(await reasonFor(exchange)).toBe('subject_revoked');
    }
    for (const other of ['somebody', 'else']) {
      await revocations.revoke({ ...target, sub: other });
      await revocations.revoke({ kind: 'chain', chainId: other });
      expect(await reasonFor(exchange)).toBe('subject_revoked');
    }
  });
});

describe('CVE-2026-4282, CVE-2026-114607: what was made for one use was good for another', () => {
  it('what is sealed for anything else is no access token, though the key is the same', async () => {
    const values = server.app.get(SealedValues, { strict: false });
    const claims = {
      iss: ISSUER,
      sub: 'alice',
      aud: 'my_gateway',
      exp: server.now + 600,
      iat: server.now,
      jti: randomBytes(8).toString('hex'),
      client_id: 'web_app',
      scope: 'address:read',
    };
    const presented = (token: string): Promise<Answer> => server.exchange({ subject_token: token });
    const good = `nte_at_${values.seal('access token', claims)}`;
    expect(await reasonFor(() => presented(good))).toBeUndefined();
    for (const purpose of ['interaction', 'form', 'sign-out', 'access tokens', '', 'Access token'])
      expect(await reasonFor(() => presented(`nte_at_${values.seal(purpose, claims)}`))).toBe(
        'token_malformed',
      );
    // And the other way round: an access token opens for no other purpose.
    for (const purpose of ['interaction', 'form', 'sign-out'])
      expect(values.open(purpose, good.slice('nte_at_'.length))).toBeUndefined();
  });

  it('a hash that is kept of something is not the thing', async () => {
    const token = await server.ownToken();
    const hash = createHash('sha256').update(token).digest('base64url');
    for (const text of [hash, `nte_at_${hash}`, `${hash}.${hash}.${hash}`])
      expect(await reasonFor(() => server.exchange({ subject_token: text }))).toBe(
        'token_malformed',
      );
  });
});
