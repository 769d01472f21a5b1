import { Injectable } from '@nestjs/common';

import type { FoundToken } from '../audit/token-trace.js';
import { readCompactJws } from '../tokens/compact-jws.js';
import { OpaqueTokens } from '../tokens/opaque-tokens.js';
import { hashToken } from '../tokens/security-tokens.js';
import { invalidFields } from './problem.js';
import type { FoundTokenDto } from './token-trace.dto.js';

const FIELDS = ['token', 'hash', 'jti'] as const;

/** Reads what somebody found. Nothing is verified: what is true, the log tells. */
@Injectable()
export class FoundTokens {
  constructor(private readonly opaque: OpaqueTokens) {}

  /** @throws Problem (400) unless exactly one field is there, and a token has a character */
  read(found: FoundTokenDto): FoundToken {
    const given = FIELDS.filter((field) => found[field] !== undefined);
    if (given.length !== 1)
      throw invalidFields(
        FIELDS.map((field) => ({ field, problem: 'exactly one of token, hash and jti is needed' })),
      );
    if (found.token === undefined) return { hash: found.hash, jti: found.jti };
    const token = found.token.trim();
    if (token === '')
      throw invalidFields([{ field: 'token', problem: 'must be the text of a token' }]);
    const claims = this.opaque.isOpaque(token)
      ? this.opaque.open(token)
      : readCompactJws(token)?.claims;
    return {
      hash: hashToken(token),
      jti: textOf(claims?.['jti']),
      issuer: textOf(claims?.['iss']),
    };
  }
}

function textOf(claim: unknown): string | undefined {
  return typeof claim === 'string' ? claim : undefined;
}
