import { Module, type DynamicModule, type ModuleMetadata } from '@nestjs/common';
import { getDataSourceToken } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';

import { AccountStore } from '../accounts/account-store.js';
import { SessionStore } from '../accounts/session-store.js';
import { AuditLog, AuditReader } from '../audit/audit-log.js';
import { RecordErasure } from '../audit/erasure.js';
import { AnchorStore } from '../audit/ledger/anchor-store.js';
import { LedgerStanding } from '../audit/ledger/ledger-continuity.js';
import { RecordRetention } from '../audit/retention.js';
import { LedgerReader } from '../audit/ledger/ledger-reader.js';
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
import { AuditThread } from './audit-thread.js';
import { RecentTerms } from './recent-terms.js';
import { RetirementListeners } from './retirement-listeners.js';
import { TypeormAccountStore } from './typeorm-account-store.js';
import { TypeormAnchorStore } from './typeorm-anchor-store.js';
import { TypeormAuditIndexer } from './typeorm-audit-indexer.js';
import { TypeormAuditLog } from './typeorm-audit-log.js';
import { TypeormAuditReader } from './typeorm-audit-reader.js';
import { TypeormAuditSettings } from './typeorm-audit-settings.js';
import { TypeormAuthorizationStore } from './typeorm-authorization-store.js';
import { TypeormClientStore } from './typeorm-client-store.js';
import { TypeormConsentStore } from './typeorm-consent-store.js';
import { TypeormCheckpoints } from './typeorm-checkpoints.js';
import { TypeormKeyStore } from './typeorm-key-store.js';
import { TypeormLedgerReader } from './typeorm-ledger-reader.js';
import { TypeormPolicyStore } from './typeorm-policy-store.js';
import { TypeormPolicyUseStore } from './typeorm-policy-use-store.js';
import { TypeormPushedRequestStore } from './typeorm-pushed-request-store.js';
import { TypeormRecordErasure } from './typeorm-record-erasure.js';
import { TypeormRetention } from './typeorm-retention.js';
import { TypeormRevocationStore } from './typeorm-revocation-store.js';
import { TypeormSessionStore } from './typeorm-session-store.js';
import { TypeormSinkStore } from './typeorm-sink-store.js';
import { TypeormStatusListStore } from './typeorm-status-list-store.js';
import { TypeormSubjectKeys } from './typeorm-subject-keys.js';
import { TypeormTrustedIssuerStore } from './typeorm-trusted-issuer-store.js';

const ports = [
  { provide: KeyStore, useClass: TypeormKeyStore },
  { provide: ClientStore, useClass: TypeormClientStore },
  { provide: TrustedIssuerStore, useClass: TypeormTrustedIssuerStore },
  { provide: AccountStore, useClass: TypeormAccountStore },
  { provide: SessionStore, useClass: TypeormSessionStore },
  { provide: AuthorizationStore, useClass: TypeormAuthorizationStore },
  { provide: ConsentStore, useClass: TypeormConsentStore },
  { provide: PushedRequestStore, useClass: TypeormPushedRequestStore },
  { provide: PolicyStore, useClass: TypeormPolicyStore },
  { provide: PolicyUseStore, useClass: TypeormPolicyUseStore },
  { provide: RevocationStore, useClass: TypeormRevocationStore },
  { provide: StatusListStore, useClass: TypeormStatusListStore },
  { provide: SinkStore, useClass: TypeormSinkStore },
  TypeormAuditLog,
  { provide: AuditLog, useExisting: TypeormAuditLog },
  { provide: AuditReader, useClass: TypeormAuditReader },
  { provide: LedgerReader, useClass: TypeormLedgerReader },
  { provide: RecordErasure, useClass: TypeormRecordErasure },
  { provide: AnchorStore, useClass: TypeormAnchorStore },
  LedgerStanding,
  { provide: RecordRetention, useClass: TypeormRetention },
  RetirementListeners,
];

/** Where the stores find their data source, and how the audit log writes. */
export interface TypeormStoresOptions {
  /** Modules that export the data source, when it is not global. */
  readonly imports?: Readonly<NonNullable<ModuleMetadata['imports']>>;
  /** The `name` of the data source in `TypeOrmModule.forRoot`; the default one without. */
  readonly dataSourceName?: string;
  readonly audit?: TypeormAuditSettings;
}

/**
 * Every store port, kept in PostgreSQL. As it is, it uses the global `DataSource` that
 * `TypeOrmModule.forRoot` provides, which must know `tokenExchangeSchema`.
 */
@Module({
  providers: [
    ...ports,
    TypeormSubjectKeys,
    RecentTerms,
    AuditThread,
    TypeormCheckpoints,
    TypeormAuditIndexer,
  ],
  exports: ports,
})
export class TypeormStoresModule {
  /** The same with another data source, or with settings. */
  static register(options: TypeormStoresOptions): DynamicModule {
    const { imports = [], dataSourceName, audit } = options;
    const named = getDataSourceToken(dataSourceName);
    return {
      module: TypeormStoresModule,
      imports: [...imports],
      providers: [
        ...(named === DataSource ? [] : [{ provide: DataSource, useExisting: named }]),
        ...(audit ? [{ provide: TypeormAuditSettings, useValue: audit }] : []),
      ],
    };
  }
}
