import type { AuditRecord, RecordedParty, RecordedToken } from './audit-record.js';

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
