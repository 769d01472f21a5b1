import type { AuditRecord, RecordedParty, RecordedToken } from './audit-record.js';
import { takeApart } from './ledger/personal-fields.js';

/** Every name under which somebody acts in a record, at any depth, before it and after it. */
export function actorNamesOf(record: AuditRecord): readonly string[] {
  const names = new Set<string>();
  const add = ({ sub, clientId }: RecordedParty): void => {
    names.add(sub);
    if (clientId !== undefined) names.add(clientId);
  };
  if (record.actor) add(record.actor);
  record.actors?.forEach(add);
  record.inboundActors?.forEach(add);
  return [...names];
}

/**
 * Everybody whom a record names in any part of it, but no client of this server.
 * @param issuer of this server; undefined when it is not known, and then every party is a person
 */
export function peopleOf(
  record: AuditRecord,
  issuer: string | undefined,
): readonly Pick<RecordedParty, 'iss' | 'sub'>[] {
  return takeApart(record, issuer).parts.flatMap(({ owner }) => owner ?? []);
}

/** The audience that was granted, or else the one that was asked for. */
export function audienceOf({ issuedToken, requested }: AuditRecord): readonly string[] {
  return issuedToken?.audience ?? [...(requested?.audience ?? []), ...(requested?.resource ?? [])];
}

/** What was granted and what was asked for. */
export function scopeOf({ issuedToken, requested }: AuditRecord): readonly string[] {
  return [...(issuedToken?.scope ?? []), ...(requested?.scope ?? [])];
}

/** Every token that a record tells of. */
export function tokensOf({
  subjectToken,
  actorToken,
  issuedToken,
}: AuditRecord): readonly RecordedToken[] {
  return [subjectToken, actorToken, issuedToken].filter((token) => token !== undefined);
}
