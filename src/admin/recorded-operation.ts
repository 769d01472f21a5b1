import type { ServerResponse } from 'node:http';

import type { ExecutionContext, Type } from '@nestjs/common';
import { getMetadataStorage } from 'class-validator';

import type { AuditRecord } from '../audit/audit-record.js';
import { isJsonObject } from '../oauth/claims.js';
import { looksLikeSecret } from '../oauth/secret-shape.js';
import type { AdminRequest } from './administrative-act.js';
import { routePatternOf } from './route-pattern.js';

const ID = /^[A-Za-z0-9_.:-]{1,200}$/;
/** Under which an answer names what was made. */
const ID_NAMES = ['accountId', 'clientId', 'policyId', 'kid', 'id'] as const;

/**
 * What a record keeps of an operation: its route, the ids in its path, and which of the fields that
 * it knows were sent. Before the answer is known nobody has looked the ids up, so that what could be
 * a secret in the wrong place is left out.
 */
export function recordedOperation(
  context: ExecutionContext,
  answer?: { readonly body: unknown },
): NonNullable<AuditRecord['operation']> {
  const request = context.switchToHttp().getRequest<AdminRequest>();
  const pattern = routePatternOf(context.getClass(), context.getHandler());
  const target = targetOf(context, answer);
  const fields = fieldsOf(context);
  return {
    name: `${request.method ?? ''} ${pattern}`,
    ...(target === undefined ? {} : { target }),
    ...(fields.length === 0 ? {} : { fields }),
  };
}

/** The ids in the path, and behind them that of what was made. */
function targetOf(
  context: ExecutionContext,
  answer: { readonly body: unknown } | undefined,
): string | undefined {
  const http = context.switchToHttp();
  const named = Object.values(http.getRequest<AdminRequest>().params ?? {});
  const isMade = answer !== undefined && http.getResponse<ServerResponse>().statusCode === 201;
  const ids = isMade ? [...named, madeIn(answer.body)] : named;
  const isId = (id: unknown): boolean =>
    typeof id === 'string' && ID.test(id) && (answer !== undefined || !looksLikeSecret(id));
  return ids.length > 0 && ids.every(isId) ? ids.join('/') : undefined;
}

function madeIn(body: unknown): unknown {
  if (!isJsonObject(body)) return undefined;
  const name = ID_NAMES.find((each) => body[each] !== undefined);
  return name && body[name];
}

/** The names of the fields that were sent, those alone that a DTO of the handler declares. */
function fieldsOf(context: ExecutionContext): readonly string[] {
  const { fieldNames = [] } = context.switchToHttp().getRequest<AdminRequest>();
  const prototype = context.getClass<Type>().prototype as object;
  const types = Reflect.getMetadata('design:paramtypes', prototype, context.getHandler().name) as
    | readonly Type[]
    | undefined;
  const declared = new Set(
    (types ?? [])
      .flatMap((type) => getMetadataStorage().getTargetValidationMetadatas(type, '', false, false))
      .map(({ propertyName }) => propertyName),
  );
  return fieldNames.filter((name) => declared.has(name));
}
