import { applyDecorators, SetMetadata } from '@nestjs/common';

import { RequiresScope } from './requires-scope.js';

const SHOWS = Symbol('whether a route of the admin API shows records');

/** For who reads the log: each request leaves a record itself, before its answer leaves. */
export function ShowsRecords(): MethodDecorator {
  return applyDecorators(SetMetadata(SHOWS, true), RequiresScope('audit:read'));
}

/** Whether the handler of a route shows records. */
export function showsRecords(handler: object): boolean {
  return Reflect.getMetadata(SHOWS, handler) === true;
}
