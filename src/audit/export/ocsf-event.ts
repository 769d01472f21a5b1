import type { AuditRecord, RecordedParty } from '../audit-record.js';
import { ERASED } from '../ledger/personal-fields.js';
import { audienceOf } from '../record-names.js';
import { ocsfClassOf, type OcsfClass } from './ocsf-class.js';
import type { ProvenRecord } from './proven-record.js';
import { kindOf, typeNameOf } from './record-kind.js';
import { proofOf } from './record-proof.js';

/** The released version of OCSF that events are written for. */
export const OCSF_VERSION = '1.7.0';

/** An event of OCSF; which attributes it has depends on its class. */
export type OcsfEvent = Readonly<Record<string, unknown>>;

const CATEGORIES = { 3: 'Identity & Access Management', 6: 'Application Activity' } as const;
const INFORMATIONAL = 1;
const LOW = 2;
/** `auth_protocol_id` and `logon_type` of OCSF. */
const OAUTH = { auth_protocol_id: 6, auth_protocol: 'OAUTH 2.0' };
const OPENID = { auth_protocol_id: 4, auth_protocol: 'OpenID' };
const USER = { type_id: 1, type: 'User' };
const SERVICE = { type_id: 4, type: 'Service' };

/** A record as an event of OCSF: what has no attribute of its own is `unmapped`, with the proof. */
export function ocsfEventOf(proven: ProvenRecord, issuer: string): OcsfEvent {
  const { record, index, isErased } = proven;
  const isGranted = record.outcome === 'granted';
  const ocsf = ocsfClassOf(record);
  const category = ocsf.uid === 6003 ? 6 : 3;
  return {
    category_uid: category,
    category_name: CATEGORIES[category],
    class_uid: ocsf.uid,
    class_name: ocsf.name,
    activity_id: ocsf.activity,
    ...(ocsf.activityName === undefined ? {} : { activity_name: ocsf.activityName }),
    type_uid: ocsf.uid * 100 + ocsf.activity,
    time: record.time,
    severity_id: isGranted ? INFORMATIONAL : LOW,
    severity: isGranted ? 'Informational' : 'Low',
    status_id: isGranted ? 1 : 2,
    status: isGranted ? 'Success' : 'Failure',
    ...(record.error === undefined ? {} : { status_code: record.error }),
    ...(record.reason === undefined ? {} : { status_detail: record.reason }),
    message: `${kindOf(record)} ${record.outcome}`,
    metadata: {
      version: OCSF_VERSION,
      product: { name: 'nest-token-exchange', vendor_name: 'nest-token-exchange' },
      uid: record.id,
      ...(record.chainId === undefined ? {} : { correlation_uid: record.chainId }),
      sequence: index,
      event_code: typeNameOf(record),
      log_name: 'ledger',
      log_provider: issuer,
    },
    actor: actorOf(record, issuer),
    http_request: { uid: record.requestId },
    src_endpoint: record.address === undefined ? { name: 'unknown' } : { ip: record.address },
    ...ofClass(record, ocsf, issuer),
    unmapped: {
      ...(isErased ? { erased: true } : {}),
      delegation: delegationOf(record),
      record,
      proof: proofOf(proven),
    },
  };
}

/** What the class of an event has besides what all have. */
function ofClass(record: AuditRecord, { uid }: OcsfClass, issuer: string): OcsfEvent {
  const { issuedToken, operation, sid } = record;
  const session = sid === undefined ? {} : { session: { uid: sid, issuer } };
  const audience = audienceOf(record);
  switch (uid) {
    case 3001:
      return { user: targetUser(record, issuer) };
    case 3002:
      return {
        user: userOf(record.subject ?? clientOf(record, issuer)),
        service: { name: audience[0] ?? issuer },
        ...(record.event === 'grant' ? OAUTH : OPENID),
        ...session,
        ...(issuedToken?.expiresAt === undefined
          ? {}
          : {
              authentication_token: {
                created_time: record.time,
                expiration_time: issuedToken.expiresAt * 1000,
              },
            }),
      };
    case 3003:
      return {
        user: userOf(record.subject ?? clientOf(record, issuer)),
        privileges: issuedToken?.scope ?? [],
        dst_endpoint: { svc_name: audience[0] ?? issuer },
        ...session,
      };
    case 3004:
      return {
        entity: {
          ...(operation?.target === undefined
            ? { name: operation?.name ?? 'unknown' }
            : { uid: operation.target }),
          type_id: 99,
          type: /\/admin\/([a-z-]+)/.exec(operation?.name ?? '')?.[1] ?? 'unknown',
        },
        ...(operation?.fields === undefined ? {} : { comment: operation.fields.join(' ') }),
      };
    default:
      return {
        api: { operation: kindOf(record), service: { name: issuer } },
        ...(audience.length === 0 ? {} : { resources: audience.map((name) => ({ name })) }),
      };
  }
}

function actorOf(record: AuditRecord, issuer: string): OcsfEvent {
  const { actor, client, sid } = record;
  const party = actor ?? (record.event === 'administration' ? record.subject : undefined);
  return {
    app_uid: client?.clientId ?? 'unknown',
    ...(party === undefined ? {} : { user: userOf(party), idp: { name: party.iss } }),
    ...(sid === undefined ? {} : { session: { uid: sid, issuer } }),
  };
}

/** Whose account was changed: the administrator's target, or the person themself. */
function targetUser({ event, operation, subject }: AuditRecord, issuer: string): OcsfEvent {
  if (event === 'administration')
    return { uid: operation?.target ?? 'unknown', domain: issuer, ...USER };
  return userOf(subject ?? { iss: issuer, sub: 'unknown' });
}

function clientOf({ client }: AuditRecord, issuer: string): RecordedParty {
  const sub = client?.clientId;
  return sub === undefined ? { iss: issuer, sub: 'unknown' } : { iss: issuer, sub, clientId: sub };
}

/** A party; for one whose name was destroyed, the id of the key that is gone. */
function userOf({ iss, sub, clientId }: RecordedParty): OcsfEvent {
  const kind = clientId === sub && iss !== ERASED ? SERVICE : USER;
  return { uid: sub === '' ? 'unknown' : sub, domain: iss, ...kind };
}

/** Who acts for whom, which OCSF has no word for. */
function delegationOf({ mode, subject, actor, actors, inboundActors, act, basis }: AuditRecord): {
  readonly [
    Name in 'mode' | 'subject' | 'actor' | 'actors' | 'prior_actors' | 'act' | 'basis'
  ]?: unknown;
} {
  return { mode, subject, actor, actors, prior_actors: inboundActors, act, basis };
}
