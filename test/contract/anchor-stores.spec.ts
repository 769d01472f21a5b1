import { anchorStoreContract, InMemoryAnchorStore } from '../../src/testing/index.js';
import { TypeormAnchorStore } from '../../src/typeorm/index.js';
import { createTestDataSource } from '../support/data-source.js';

anchorStoreContract('InMemoryAnchorStore', async () => ({ store: new InMemoryAnchorStore() }));

anchorStoreContract('TypeormAnchorStore', async () => {
  const { dataSource, close } = await createTestDataSource();
  return { store: new TypeormAnchorStore(dataSource), close };
});
