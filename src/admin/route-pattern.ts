import type { Type } from '@nestjs/common';
import { PATH_METADATA } from '@nestjs/common/constants.js';

/** The path of a handler as its controller names it: `/admin/clients/:clientId`. */
export function routePatternOf(controller: Type, handler: object): string {
  const paths: unknown = Reflect.getMetadata(PATH_METADATA, handler);
  // Of several paths the last is the most general.
  const path = Array.isArray(paths) ? String(paths.at(-1)) : String(paths);
  return `/${String(Reflect.getMetadata(PATH_METADATA, controller))}/${path}`
    .replaceAll(/\/+/g, '/')
    .replace(/\/$/, '');
}
