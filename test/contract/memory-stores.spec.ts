import {
  auditLogContract,
  clientStoreContract,
  InMemoryAuditLog,
  InMemoryAuditReader,
  InMemoryClientStore,
  InMemoryKeyStore,
  InMemoryTrustedIssuerStore,
  keyStoreContract,
  trustedIssuerStoreContract,
} from '../../src/testing/index.js';

keyStoreContract('InMemoryKeyStore', async () => ({ store: new InMemoryKeyStore() }));

clientStoreContract('InMemoryClientStore', async () => ({ store: new InMemoryClientStore() }));

trustedIssuerStoreContract('InMemoryTrustedIssuerStore', async () => ({
  store: new InMemoryTrustedIssuerStore(),
}));

auditLogContract('InMemoryAuditLog', async () => {
  const log = new InMemoryAuditLog();
  return { log, reader: new InMemoryAuditReader(log) };
});
