import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DataSource } from 'typeorm';

import {
  InMemoryRevocationStore,
  InMemoryStatusListStore,
  revocationStoreContract,
  statusListStoreContract,
} from '../../src/testing/index.js';
import { sampleRevocation } from '../../src/testing/samples.js';
import { RevocationStore } from '../../src/tokens/revocation-store.js';
import { TypeormRevocationStore, TypeormStatusListStore } from '../../src/typeorm/index.js';
import { createTestDataSource, dataSourceOf, type TestDataSource } from '../support/data-source.js';

revocationStoreContract('InMemoryRevocationStore', async () => ({
  store: new InMemoryRevocationStore(),
}));

revocationStoreContract('TypeormRevocationStore', async () => {
  const { dataSource, close } = await createTestDataSource();
  return { store: new TypeormRevocationStore(dataSource), close };
});

statusListStoreContract('InMemoryStatusListStore', async () => ({
  store: new InMemoryStatusListStore(),
}));

statusListStoreContract('TypeormStatusListStore', async () => {
  const { dataSource, close } = await createTestDataSource();
  return { store: new TypeormStatusListStore(dataSource), close };
});

describe('Revocations in PostgreSQL', () => {
  let database: TestDataSource;
  let other: DataSource;
  let stores: readonly [TypeormRevocationStore, TypeormRevocationStore];
  beforeAll(async () => {
    database = await createTestDataSource();
    other = await dataSourceOf(database.url).initialize();
    stores = [new TypeormRevocationStore(database.dataSource), new TypeormRevocationStore(other)];
  });
  afterAll(async () => {
    await other.destroy();
    await database.close();
  });

  it('are seen in the order in which two instances wrote them, a slow one too', async () => {
    const [one, two] = [sampleRevocation(), sampleRevocation()];
    const start = (await stores[1].since(RevocationStore.START, 1_000)).position;
    const slow = database.dataSource.createQueryRunner();
    await slow.startTransaction();
    await slow.query('update nte_revocation_epoch set epoch = epoch + 1');
    // The other one has to wait, so that its number is never seen before the smaller one.
    const waiting = stores[1].add([two]);
    expect((await stores[0].since(start, 10)).revocations).toEqual([]);
    await slow.query(
      `insert into nte_revocation (key, before, expires_at, epoch)
       select $1, $2, $3, epoch from nte_revocation_epoch`,
      [one.key, one.before, one.expiresAt],
    );
    await slow.commitTransaction();
    await slow.release();
    await waiting;
    expect((await stores[0].since(start, 10)).revocations).toEqual([one, two]);
  });

  it('that were restored from before are not taken for what was read', async () => {
    const { dataSource } = database;
    await stores[0].add([sampleRevocation()]);
    const { position } = await stores[1].since(RevocationStore.START, 10_000);
    await dataSource.query('update nte_revocation_epoch set epoch = epoch - 1');
    await expect(stores[1].since(position, 10)).rejects.toThrow(RangeError);
    await dataSource.query('update nte_revocation_epoch set epoch = epoch + 1');
    expect(await stores[1].since(position, 10)).toEqual({ revocations: [], position });
  });

  it('cannot be counted in a second row', async () => {
    const { dataSource } = database;
    for (const value of ['true', 'false'])
      await expect(
        dataSource.query(`insert into nte_revocation_epoch (is_only, epoch) values (${value}, 0)`),
      ).rejects.toThrow('nte_revocation_epoch');
  });
});
