import { Module } from '@nestjs/common';

import { AccountStore } from '../accounts/account-store.js';
import { SessionStore } from '../accounts/session-store.js';
import { AuditLog, AuditReader } from '../audit/audit-log.js';
import { RecordErasure } from '../audit/erasure.js';
import { AnchorStore } from '../audit/ledger/anchor-store.js';
import { RecordRetention } from '../audit/retention.js';
import { AuthorizationStore } from '../authorization/authorization-store.js';
import { ConsentStore } from '../authorization/consent-store.js';
import { PushedRequestStore } from '../authorization/pushed-request-store.js';
import { ClientStore } from '../clients/client-store.js';
import { PolicyStore } from '../delegation/policy-store.js';
import { PolicyUseStore } from '../delegation/policy-use-store.js';
import { KeyStore } from '../keys/key-store.js';
import { SinkStore } from '../streams/sink-store.js';
import { RevocationStore } from '../tokens/revocation-store.js';
import { StatusListStore } from '../tokens/status-list-store.js';
import { TrustedIssuerStore } from '../tokens/trusted-issuer-store.js';
import { InMemoryAccountStore } from './in-memory-account-store.js';
import { InMemoryAnchorStore } from './in-memory-anchor-store.js';
import { InMemoryAuditLog } from './in-memory-audit-log.js';
import { InMemoryAuditReader } from './in-memory-audit-reader.js';
import { InMemoryAuthorizationStore } from './in-memory-authorization-store.js';
import { InMemoryClientStore } from './in-memory-client-store.js';
import { InMemoryConsentStore } from './in-memory-consent-store.js';
import { InMemoryKeyStore } from './in-memory-key-store.js';
import { InMemoryPolicyStore } from './in-memory-policy-store.js';
import { InMemoryPolicyUseStore } from './in-memory-policy-use-store.js';
import { InMemoryPushedRequestStore } from './in-memory-pushed-request-store.js';
import { InMemoryRecordErasure } from './in-memory-record-erasure.js';
import { InMemoryRecordRetention } from './in-memory-record-retention.js';
import { InMemoryRevocationStore } from './in-memory-revocation-store.js';
import { InMemorySessionStore } from './in-memory-session-store.js';
import { InMemorySinkStore } from './in-memory-sink-store.js';
import { InMemoryStatusListStore } from './in-memory-status-list-store.js';
import { InMemoryTrustedIssuerStore } from './in-memory-trusted-issuer-store.js';

const stores = [
  InMemoryKeyStore,
  InMemoryClientStore,
  InMemoryTrustedIssuerStore,
  InMemoryAccountStore,
  InMemorySessionStore,
  InMemoryAuthorizationStore,
  InMemoryConsentStore,
  InMemoryPushedRequestStore,
  InMemoryPolicyStore,
  InMemoryPolicyUseStore,
  InMemoryRevocationStore,
  InMemoryStatusListStore,
  InMemorySinkStore,
  InMemoryAuditLog,
  InMemoryAuditReader,
  InMemoryRecordErasure,
  InMemoryAnchorStore,
  InMemoryRecordRetention,
];

const ports = [
  { provide: KeyStore, useExisting: InMemoryKeyStore },
  { provide: ClientStore, useExisting: InMemoryClientStore },
  { provide: TrustedIssuerStore, useExisting: InMemoryTrustedIssuerStore },
  { provide: AccountStore, useExisting: InMemoryAccountStore },
  { provide: SessionStore, useExisting: InMemorySessionStore },
  { provide: AuthorizationStore, useExisting: InMemoryAuthorizationStore },
  { provide: ConsentStore, useExisting: InMemoryConsentStore },
  { provide: PushedRequestStore, useExisting: InMemoryPushedRequestStore },
  { provide: PolicyStore, useExisting: InMemoryPolicyStore },
  { provide: PolicyUseStore, useExisting: InMemoryPolicyUseStore },
  { provide: RevocationStore, useExisting: InMemoryRevocationStore },
  { provide: StatusListStore, useExisting: InMemoryStatusListStore },
  { provide: SinkStore, useExisting: InMemorySinkStore },
  { provide: AuditLog, useExisting: InMemoryAuditLog },
  { provide: AuditReader, useExisting: InMemoryAuditReader },
  { provide: RecordErasure, useExisting: InMemoryRecordErasure },
  { provide: AnchorStore, useExisting: InMemoryAnchorStore },
  { provide: RecordRetention, useExisting: InMemoryRecordRetention },
];

/** Every store port, kept in memory; the stores themselves can be injected too. */
@Module({ providers: [...stores, ...ports], exports: [...stores, ...ports] })
export class InMemoryStoresModule {}
