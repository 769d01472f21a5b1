import type { AuditRecord } from '../audit/audit-record.js';
import { Lineage } from '../delegation/lineage.js';
import { issuedAtOf, readTokenId } from '../delegation/token-id.js';
import { epochSeconds } from '../oauth/clock.js';
import type { Revocable } from '../tokens/revocable.js';

/**
 * The token that a record says was issued, by everything by which it can be revoked: the same as when it
 * is presented. Undefined when none was.
 */
export function recordedRevocable({
  outcome,
  time,
  issuedToken,
  subject,
  actors = [],
}: AuditRecord): Revocable | undefined {
  const lineage = Lineage.read(issuedToken?.lineage);
  if (outcome !== 'granted' || subject === undefined || lineage === undefined) return undefined;
  const { hash, issuer, jti, clientId } = issuedToken ?? {};
  if (hash === undefined || issuer === undefined || jti === undefined) return undefined;
  const tokenId = readTokenId(jti);
  return {
    hash,
    issuedAt: issuedAtOf(tokenId, epochSeconds(time)),
    lineage,
    issuer,
    isOwn: true,
    chainId: tokenId?.chainId,
    subject: { iss: subject.iss, sub: subject.sub },
    clientId,
    actors,
  };
}
