import { describe, expect, it } from '@jest/globals';

import {
  accountStoreContract,
  InMemoryAccountStore,
  InMemorySessionStore,
  sessionStoreContract,
} from '../../src/testing/index.js';
import { sampleAccount, sampleSession } from '../../src/testing/samples.js';
import { TypeormAccountStore, TypeormSessionStore } from '../../src/typeorm/index.js';
import { createTestDataSource, dataSourceOf } from '../support/data-source.js';

accountStoreContract('InMemoryAccountStore', async () => ({ store: new InMemoryAccountStore() }));

sessionStoreContract('InMemorySessionStore', async () => ({ store: new InMemorySessionStore() }));

accountStoreContract('TypeormAccountStore', async () => {
  const { dataSource, close } = await createTestDataSource();
  return { store: new TypeormAccountStore(dataSource), close };
});

sessionStoreContract('TypeormSessionStore', async () => {
  const { dataSource, close } = await createTestDataSource();
  return { store: new TypeormSessionStore(dataSource), close };
});

describe('The stores of people in PostgreSQL', () => {
  it('show a write to the other instance at once', async () => {
    const { dataSource, url, close } = await createTestDataSource();
    const other = await dataSourceOf(url).initialize();
    const account = sampleAccount();
    const session = sampleSession({ accountId: account.accountId });
    await new TypeormAccountStore(dataSource).create(account);
    await new TypeormSessionStore(dataSource).create(session);
    expect(await new TypeormAccountStore(other).findByUsername(account.username)).toEqual(account);
    const sessions = new TypeormSessionStore(other);
    expect(await sessions.findBySecretHash(session.secretHash)).toEqual(session);
    await new TypeormSessionStore(dataSource).endAll(account.accountId);
    expect(await sessions.findBySecretHash(session.secretHash)).toBeNull();
    await other.destroy();
    await close();
  });
});
