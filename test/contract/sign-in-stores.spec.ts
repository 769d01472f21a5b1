import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DataSource } from 'typeorm';

import {
  DEFAULT_ACCESS_TOKEN_SETTINGS,
  DEFAULT_SIGN_IN_SETTINGS,
} from '../../src/clients/client.js';
import {
  authorizationStoreContract,
  consentStoreContract,
  pushedRequestStoreContract,
} from '../../src/testing/index.js';
import {
  sampleAuthorization,
  sampleClient,
  sampleCode,
  sampleConsent,
  samplePushedRequest,
  sampleRefreshToken,
  unique,
} from '../../src/testing/samples.js';
import {
  runMigrations,
  tokenExchangeSchema,
  TypeormAuthorizationStore,
  TypeormClientStore,
  TypeormConsentStore,
  TypeormPushedRequestStore,
} from '../../src/typeorm/index.js';
import { SignIn1795564800000 } from '../../src/typeorm/migrations/1795564800000-sign-in.js';
import { createTestDataSource, dataSourceOf, type TestDataSource } from '../support/data-source.js';

const NOW = 1_800_000_000_000;

authorizationStoreContract('TypeormAuthorizationStore', async () => {
  const { dataSource, close } = await createTestDataSource();
  return { store: new TypeormAuthorizationStore(dataSource), close };
});

consentStoreContract('TypeormConsentStore', async () => {
  const { dataSource, close } = await createTestDataSource();
  return { store: new TypeormConsentStore(dataSource), close };
});

pushedRequestStoreContract('TypeormPushedRequestStore', async () => {
  const { dataSource, close } = await createTestDataSource();
  return { store: new TypeormPushedRequestStore(dataSource), close };
});

describe('The stores of sign-in in PostgreSQL', () => {
  let database: TestDataSource;
  let other: DataSource;
  let stores: readonly [TypeormAuthorizationStore, TypeormAuthorizationStore];
  beforeAll(async () => {
    database = await createTestDataSource();
    other = await dataSourceOf(database.url).initialize();
    stores = [
      new TypeormAuthorizationStore(database.dataSource),
      new TypeormAuthorizationStore(other),
    ];
  });
  afterAll(async () => {
    await other.destroy();
    await database.close();
  });

  async function created(
    authorization: Parameters<typeof sampleAuthorization>[0] = {},
  ): Promise<{ authorizationId: string; codeHash: string; tokenHash: string }> {
    const whole = sampleAuthorization(authorization);
    const { authorizationId } = whole;
    const code = sampleCode({ authorizationId });
    const token = sampleRefreshToken({ authorizationId });
    await stores[0].create(whole, code);
    await stores[0].addRefreshToken(token);
    return { authorizationId, codeHash: code.codeHash, tokenHash: token.tokenHash };
  }

  function rotate(
    instance: number,
    { authorizationId, tokenHash }: { authorizationId: string; tokenHash: string },
    time = { now: NOW, overlap: 0 },
  ): Promise<string | null> {
    const successor = sampleRefreshToken({ authorizationId });
    return stores[instance % 2]!.rotateRefreshToken(tokenHash, successor, time);
  }

  async function count(table: string): Promise<number> {
    const rows = await database.dataSource.query<{ count: string }[]>(
      `select count(*) from ${table}`,
    );
    return Number(rows[0]!.count);
  }

  it('let one of two instances rotate a refresh token, whatever their clocks say', async () => {
    for (let round = 0; round < 20; round += 1) {
      const made = await created();
      const results = await Promise.all(
        Array.from({ length: 6 }, (_, index) =>
          rotate(index, made, { now: NOW - (index % 2) * 1_000, overlap: 0 }),
        ),
      );
      expect(results.map(String).toSorted()).toEqual([
        'reused',
        'revoked',
        'revoked',
        'revoked',
        'revoked',
        'rotated',
      ]);
      expect((await stores[1].find(made.authorizationId))?.revokedAt).not.toBeNull();
    }
  });

  it('rotate a refresh token again at no instance after its successor was used at the other', async () => {
    const overlap = 10_000;
    for (let round = 0; round < 20; round += 1) {
      const { authorizationId, tokenHash } = await created();
      const successor = sampleRefreshToken({ authorizationId });
      await stores[0].rotateRefreshToken(tokenHash, successor, { now: NOW, overlap });
      const next = { authorizationId, tokenHash: successor.tokenHash };
      const retry = (): Promise<string | null> =>
        rotate(1, { authorizationId, tokenHash }, { now: NOW - 1_000, overlap });
      const [used, retried] = await Promise.all([rotate(0, next, { now: NOW, overlap }), retry()]);
      // Whoever comes first, the successor is good; a retry that comes second is not.
      expect(used).toBe('rotated');
      expect(await retry()).toBe(retried === 'rotated' ? 'reused' : 'revoked');
      expect((await stores[1].find(authorizationId))?.revokedAt).not.toBeNull();
    }
  });

  it('let one of two instances redeem a code, and both see that it is revoked', async () => {
    for (let round = 0; round < 20; round += 1) {
      const { authorizationId, codeHash } = await created();
      const results = await Promise.all(
        Array.from({ length: 6 }, (_, index) => stores[index % 2]!.redeemCode(codeHash, NOW)),
      );
      expect(results.filter((redeemed) => redeemed!.isFirst)).toHaveLength(1);
      for (const store of stores) expect((await store.find(authorizationId))?.revokedAt).toBe(NOW);
    }
  });

  it('never rotate a refresh token after one instance revoked its authorization', async () => {
    for (let round = 0; round < 20; round += 1) {
      const made = await created();
      const [revoked] = await Promise.all([
        stores[0].revoke(made.authorizationId, NOW),
        rotate(1, made),
      ]);
      expect(revoked).toBe(true);
      expect(await rotate(1, made)).toBe('revoked');
      expect((await stores[1].find(made.authorizationId))?.revokedAt).toBe(NOW);
    }
  });

  it('never wait for each other in a circle', async () => {
    const sids = [unique('one'), unique('two')];
    const { accountId } = sampleAuthorization();
    for (let round = 0; round < 10; round += 1) {
      const made = await Promise.all(
        Array.from({ length: 12 }, (_, index) =>
          // Their ids and their ends are in different orders.
          created({ accountId, sid: sids[index % 2]!, expiresAt: 1_000 - (index % 5) }),
        ),
      );
      const work = made.flatMap((each, index) => [
        stores[index % 2]!.redeemCode(each.codeHash, NOW),
        rotate(index, each),
        rotate(index + 1, each),
      ]);
      const sweeps = [0, 1, 2, 3].flatMap((index) => [
        stores[index % 2]!.revokeAll({ accountId }, NOW),
        stores[(index + 1) % 2]!.revokeAll({ sids: sids.toReversed() }, NOW),
        stores[index % 2]!.removeExpired(1_000, 5),
      ]);
      const results = await Promise.allSettled([...work, ...sweeps]);
      expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
    }
  });

  it('remove codes and refresh tokens with their authorization', async () => {
    while ((await stores[0].removeExpired(Number.MAX_SAFE_INTEGER, 100)) === 100);
    await rotate(0, await created());
    expect(await count('nte_authorization_code')).toBe(1);
    expect(await count('nte_refresh_token')).toBe(2);
    expect(await stores[1].removeExpired(Number.MAX_SAFE_INTEGER, 100)).toBe(1);
    for (const table of ['nte_authorization', 'nte_authorization_code', 'nte_refresh_token'])
      expect(await count(table)).toBe(0);
  });

  it('show a write to the other instance at once', async () => {
    const consent = sampleConsent();
    const consents = new TypeormConsentStore(other);
    await new TypeormConsentStore(database.dataSource).save(consent);
    expect(await consents.find(consent.accountId, consent.clientId)).toEqual(consent);
    const request = samplePushedRequest();
    const { requestHash, clientId } = request;
    const requests = [database.dataSource, other].map(
      (each) => new TypeormPushedRequestStore(each),
    );
    await requests[0]!.add(request);
    const taken = await Promise.all(requests.map((each) => each.take(requestHash, clientId)));
    expect(taken.filter((each) => each !== null)).toEqual([request]);
  });
});

describe('The clients that were there before people could sign in to them', () => {
  it('have the most careful settings, and a new one brings its own', async () => {
    const { dataSource, close } = await createTestDataSource();
    const clients = new TypeormClientStore(dataSource);
    const client = sampleClient();
    await clients.create(client);
    const { migrations } = tokenExchangeSchema;
    for (const _ of migrations.slice(migrations.indexOf(SignIn1795564800000)))
      await dataSource.undoLastMigration();
    await runMigrations(dataSource);
    expect(await clients.find(client.clientId)).toEqual({
      ...client,
      signIn: DEFAULT_SIGN_IN_SETTINGS,
      groups: [],
      accessTokens: DEFAULT_ACCESS_TOKEN_SETTINGS,
    });
    const defaults = await dataSource.query<unknown[]>(
      `select column_default from information_schema.columns
       where table_name = 'nte_client' and column_name = 'sign_in' and column_default is not null`,
    );
    expect(defaults).toEqual([]);
    await close();
  });
});
