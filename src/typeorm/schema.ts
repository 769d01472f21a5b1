import { AccountEntity } from './entities/account.entity.js';
import { AuditPostingEntity } from './entities/audit-posting.entity.js';
import { AuditRecordEntity } from './entities/audit-record.entity.js';
import { AuditSegmentEntity } from './entities/audit-segment.entity.js';
import { AuthorizationCodeEntity } from './entities/authorization-code.entity.js';
import { AuthorizationEntity } from './entities/authorization.entity.js';
import { ClientIdentifierEntity } from './entities/client-identifier.entity.js';
import { ClientEntity } from './entities/client.entity.js';
import { ConsentEntity } from './entities/consent.entity.js';
import { LedgerAnchorEntity } from './entities/ledger-anchor.entity.js';
import { DeadLetterEntity } from './entities/dead-letter.entity.js';
import { LedgerCheckpointEntity } from './entities/ledger-checkpoint.entity.js';
import { LedgerCosignatureEntity } from './entities/ledger-cosignature.entity.js';
import { LedgerHeadEntity } from './entities/ledger-head.entity.js';
import { LedgerKeyEntity } from './entities/ledger-key.entity.js';
import { LedgerTileEntity } from './entities/ledger-tile.entity.js';
import { PolicyUseEntity } from './entities/policy-use.entity.js';
import { PolicyVersionEntity } from './entities/policy-version.entity.js';
import { PushedRequestEntity } from './entities/pushed-request.entity.js';
import { RefreshTokenEntity } from './entities/refresh-token.entity.js';
import { RevocationEpochEntity } from './entities/revocation-epoch.entity.js';
import { RevocationEntity } from './entities/revocation.entity.js';
import { SessionEntity } from './entities/session.entity.js';
import { SigningKeyEntity } from './entities/signing-key.entity.js';
import { SinkEntity } from './entities/sink.entity.js';
import { StatusEntryEntity } from './entities/status-entry.entity.js';
import { SubjectKeyEntity } from './entities/subject-key.entity.js';
import { TrustedIssuerEntity } from './entities/trusted-issuer.entity.js';
import { FirstStores1795392000000 } from './migrations/1795392000000-first-stores.js';
import { People1795478400000 } from './migrations/1795478400000-people.js';
import { SignIn1795564800000 } from './migrations/1795564800000-sign-in.js';
import { Policies1795651200000 } from './migrations/1795651200000-policies.js';
import { Revocations1795737600000 } from './migrations/1795737600000-revocations.js';
import { Ledger1795824000000 } from './migrations/1795824000000-ledger.js';
import { LedgerPartitions1795910400000 } from './migrations/1795910400000-ledger-partitions.js';
import { AuditSearch1795996800000 } from './migrations/1795996800000-audit-search.js';
import { Sinks1796083200000 } from './migrations/1796083200000-sinks.js';
import { Anchors1796169600000 } from './migrations/1796169600000-anchors.js';
import { PeopleInSearch1796256000000 } from './migrations/1796256000000-people-in-search.js';

/**
 * What a TypeORM data source must know of our tables; a host adds its own entities and migrations.
 * PostgreSQL only. The tables live in the first schema of the connection's `search_path`.
 */
export const tokenExchangeSchema = {
  entities: [
    SigningKeyEntity,
    ClientEntity,
    ClientIdentifierEntity,
    TrustedIssuerEntity,
    AuditRecordEntity,
    AuditSegmentEntity,
    AuditPostingEntity,
    AccountEntity,
    SessionEntity,
    AuthorizationEntity,
    AuthorizationCodeEntity,
    RefreshTokenEntity,
    ConsentEntity,
    PushedRequestEntity,
    PolicyVersionEntity,
    PolicyUseEntity,
    RevocationEntity,
    RevocationEpochEntity,
    StatusEntryEntity,
    SubjectKeyEntity,
    LedgerHeadEntity,
    LedgerTileEntity,
    LedgerCheckpointEntity,
    LedgerKeyEntity,
    LedgerAnchorEntity,
    LedgerCosignatureEntity,
    SinkEntity,
    DeadLetterEntity,
  ],
  /** Oldest first. */
  migrations: [
    FirstStores1795392000000,
    People1795478400000,
    SignIn1795564800000,
    Policies1795651200000,
    Revocations1795737600000,
    Ledger1795824000000,
    LedgerPartitions1795910400000,
    AuditSearch1795996800000,
    Sinks1796083200000,
    Anchors1796169600000,
    PeopleInSearch1796256000000,
  ],
  migrationsTableName: 'nte_migration',
};
