// Loaded before the service: it keeps the ledger, and no index for searches.
import { built } from './built.js';

if (process.argv[1]?.endsWith('main.js')) {
  /** @type {typeof import('../src/typeorm/index.js')} */
  const { TypeormAuditIndexer } = await built('typeorm/index.js');
  TypeormAuditIndexer.prototype.onApplicationBootstrap = () => {};
}
