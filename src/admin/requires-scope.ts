import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiSecurity } from '@nestjs/swagger';

import type { AdminScope } from './admin-scopes.js';
import { ApiProblems } from './problem.dto.js';

const REQUIRED = Symbol('the scope that a route of the admin API requires');

/** What a route requires: a scope value, or a token of the admin API whatever its scope. */
export type Requirement = AdminScope | 'any';

/** The name of the security scheme in the OpenAPI document. */
export const ADMIN_SECURITY = 'admin';

/** Names the scope value that a route needs. A route that names none is refused. */
export function RequiresScope(scope: AdminScope): MethodDecorator {
  return applyDecorators(
    SetMetadata(REQUIRED, scope),
    ApiSecurity(ADMIN_SECURITY, [scope]),
    ApiProblems(401, 403),
  );
}

/** Lets any token of the admin API pass: only for answers that tell nothing. */
export function RequiresAnyScope(): MethodDecorator {
  return SetMetadata(REQUIRED, 'any' satisfies Requirement);
}

/** What the handler of a route requires; undefined when nobody said it. */
export function requirementOf(handler: object): Requirement | undefined {
  return Reflect.getMetadata(REQUIRED, handler) as Requirement | undefined;
}
