import { Injectable } from '@nestjs/common';

import type { AuditRecord } from '../audit/audit-record.js';
import { recordedRevocable } from '../aftercare/recorded-revocable.js';
import { Clock, epochSeconds } from '../oauth/clock.js';
import type { RefusalReason } from '../oauth/refusal-reason.js';
import { Revocations } from '../tokens/revocations.js';

/** How a token stands now; what its parties may still do is not looked at. */
export interface TokenStanding {
  readonly status: 'active' | 'expired' | 'revoked';
  /** Why it is revoked. */
  readonly reason?: RefusalReason;
}

/** Tells how the tokens stand that records say were issued. */
@Injectable()
export class TokenStandings {
  constructor(
    private readonly revocations: Revocations,
    private readonly clock: Clock,
  ) {}

  /** Undefined when the record is of no token. Rejects when it cannot be known. */
  async of(record: AuditRecord): Promise<TokenStanding | undefined> {
    const token = recordedRevocable(record);
    if (token === undefined) return undefined;
    const reason = await this.revocations.reasonAgainst(token);
    if (reason !== undefined) return { status: 'revoked', reason };
    const isOver = (record.issuedToken?.expiresAt ?? 0) <= epochSeconds(this.clock.now());
    return { status: isOver ? 'expired' : 'active' };
  }
}
