import type { AuditSearch } from './audit-log.js';
import type { AuditRecord } from './audit-record.js';
import { actorNamesOf, audienceOf, peopleOf, scopeOf, tokensOf } from './record-names.js';

type Test = (record: AuditRecord, search: AuditSearch, issuer: string | undefined) => boolean;

/** One test for every field of a search, so that none can be added to it and be overlooked here. */
const TESTS: Readonly<Record<keyof AuditSearch, Test>> = {
  subject: (record, { subject }) => record.subject?.sub === subject,
  subjectIssuer: (record, { subjectIssuer }) => record.subject?.iss === subjectIssuer,
  person: (record, { person }, issuer) =>
    peopleOf(record, issuer).some(({ sub }) => sub === person),
  actor: (record, { actor }) => actor !== undefined && actorNamesOf(record).includes(actor),
  client: (record, { client }) => record.client?.clientId === client,
  audience: (record, { audience }) =>
    audience !== undefined && audienceOf(record).includes(audience),
  event: (record, { event }) => record.event === event,
  outcome: (record, { outcome }) => record.outcome === outcome,
  reason: (record, { reason }) => record.reason === reason,
  grantType: (record, { grantType }) => record.grantType === grantType,
  scope: (record, { scope }) => scope !== undefined && scopeOf(record).includes(scope),
  policy: (record, { policy }) => record.basis?.policy === policy,
  policyVersion: (record, { policyVersion }) => record.basis?.version === policyVersion,
  traceId: (record, { traceId }) => record.traceId === traceId,
  tokenHash: (record, { tokenHash }) => tokensOf(record).some(({ hash }) => hash === tokenHash),
  jti: (record, { jti }) => tokensOf(record).some((token) => token.jti === jti),
  chainId: (record, { chainId }) => record.chainId === chainId,
  from: ({ time }, { from }) => from !== undefined && time >= from,
  until: ({ time }, { until }) => until !== undefined && time < until,
};

/**
 * Whether a search would find the record: every field that is given matches.
 * @param issuer of this server, whose clients are no people
 */
export function isFound(
  record: AuditRecord,
  search: AuditSearch,
  issuer: string | undefined,
): boolean {
  return (Object.keys(TESTS) as (keyof AuditSearch)[]).every(
    (name) => search[name] === undefined || TESTS[name](record, search, issuer),
  );
}
