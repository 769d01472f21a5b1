import {
  auditLogContract,
  authorizationStoreContract,
  clientStoreContract,
  consentStoreContract,
  InMemoryAuditLog,
  InMemoryAuditReader,
  InMemoryAuthorizationStore,
  InMemoryClientStore,
  InMemoryConsentStore,
  InMemoryKeyStore,
  InMemoryPushedRequestStore,
  InMemoryRecordErasure,
  InMemoryTrustedIssuerStore,
  keyStoreContract,
  pushedRequestStoreContract,
  recordErasureContract,
  trustedIssuerStoreContract,
} from '../../src/testing/index.js';

keyStoreContract('InMemoryKeyStore', async () => ({ store: new InMemoryKeyStore() }));

clientStoreContract('InMemoryClientStore', async () => ({ store: new InMemoryClientStore() }));

trustedIssuerStoreContract('InMemoryTrustedIssuerStore', async () => ({
  store: new InMemoryTrustedIssuerStore(),
}));

authorizationStoreContract('InMemoryAuthorizationStore', async () => ({
  store: new InMemoryAuthorizationStore(),
}));

consentStoreContract('InMemoryConsentStore', async () => ({ store: new InMemoryConsentStore() }));

pushedRequestStoreContract('InMemoryPushedRequestStore', async () => ({
  store: new InMemoryPushedRequestStore(),
}));

auditLogContract('InMemoryAuditLog', async () => {
  const log = new InMemoryAuditLog();
  return { log, reader: new InMemoryAuditReader(log) };
});

recordErasureContract('InMemoryRecordErasure', async () => {
  const log = new InMemoryAuditLog();
  return { log, reader: new InMemoryAuditReader(log), erasure: new InMemoryRecordErasure(log) };
});
