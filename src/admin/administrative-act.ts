import { createParamDecorator, type ExecutionContext } from '@nestjs/common';

import type { AttemptOrigin } from '../audit/attempt.js';
import type { AuditRecord, RecordedParty } from '../audit/audit-record.js';
import { originOf, type OriginRequest } from '../endpoints/attempt-origin.js';
import { recordedActor } from '../grants/recorded.js';
import type { Scope } from '../oauth/scope.js';
import type { SecurityToken } from '../tokens/security-token.js';
import type { JsonRequest } from './json-body.js';

/** Who does something at the admin API, and where the request came from. */
export interface AdministrativeAct {
  readonly origin: AttemptOrigin;
  /** The person or the client, with the client that the token was issued to. */
  readonly administrator: RecordedParty;
  readonly token: SecurityToken;
  /** What they may do at this moment. */
  readonly scope: Scope;
  /** What its record will say besides: the handler puts it here. */
  readonly facts: ActFacts;
}

/** What a handler may learn that belongs in the record. */
export type ActFacts = {
  -readonly [Name in 'revocation' | 'requested' | 'erasure' | 'read' | 'whose']?: AuditRecord[Name];
};

/** A request at the admin API; the guard lets none through without its act. */
export type AdminRequest = OriginRequest &
  JsonRequest & {
    readonly params?: Readonly<Record<string, unknown>>;
    act?: AdministrativeAct;
  };

/** What the holder of a checked token does with a request. */
export function actOf(
  request: AdminRequest,
  token: SecurityToken,
  scope: Scope,
): AdministrativeAct {
  const administrator = recordedActor({ ...token.chain.subject, clientId: token.clientId });
  return { origin: originOf(request), administrator, token, scope, facts: {} };
}

/** The act of the request, as a parameter of its handler. */
export const Act = createParamDecorator((_: unknown, context: ExecutionContext) => {
  const { act } = context.switchToHttp().getRequest<AdminRequest>();
  if (act === undefined) throw new Error('No guard of the admin API has seen this request');
  return act;
});
