import { InMemorySinkStore, sinkStoreContract } from '../../src/testing/index.js';
import { TypeormSinkStore } from '../../src/typeorm/index.js';
import { createTestDataSource } from '../support/data-source.js';

sinkStoreContract('InMemorySinkStore', async () => ({ store: new InMemorySinkStore() }));

sinkStoreContract('TypeormSinkStore', async () => {
  const { dataSource, close } = await createTestDataSource();
  return { store: new TypeormSinkStore(dataSource), close };
});
