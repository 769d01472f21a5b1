// Loaded before the service: it keeps the ledger, and no index for searches.
import { isMainThread } from 'node:worker_threads';

import { built } from './built.js';

// Also in the thread of the service that writes the records, which is told to load this too.
if (!isMainThread || process.argv[1]?.endsWith('main.js')) {
  /** @type {typeof import('../src/typeorm/index.js')} */
  const { TypeormAuditIndexer } = await built('typeorm/index.js');
  TypeormAuditIndexer.prototype.onApplicationBootstrap = () => {};
}
