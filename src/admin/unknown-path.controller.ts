import type { IncomingMessage } from 'node:http';

import { All, Req, RequestMethod, type Type } from '@nestjs/common';
import { METHOD_METADATA } from '@nestjs/common/constants.js';
import { ApiExcludeController } from '@nestjs/swagger';

import { AccountApplicationsController } from './account-applications.controller.js';
import { AccountPasswordController } from './account-password.controller.js';
import { AccountSessionsController } from './account-sessions.controller.js';
import { AccountsController } from './accounts.controller.js';
import { AdminController } from './admin-controller.js';
import { AuditExportController } from './audit-export.controller.js';
import { AuditStreamController } from './audit-stream.controller.js';
import { AuditController } from './audit.controller.js';
import { ClientRightsController } from './client-rights.controller.js';
import { ClientSecretsController } from './client-secrets.controller.js';
import { ClientsController } from './clients.controller.js';
import { ErasuresController } from './erasures.controller.js';
import { KeysController } from './keys.controller.js';
import { LedgerEntriesController } from './ledger-entries.controller.js';
import { LedgerExportController } from './ledger.controller.js';
import { PoliciesController } from './policies.controller.js';
import { PolicyExplanationsController } from './policy-explanations.controller.js';
import { PolicyPlansController } from './policy-plans.controller.js';
import { PolicySimulationsController } from './policy-simulations.controller.js';
import { Problem } from './problem.js';
import { RequiresAnyScope } from './requires-scope.js';
import { RetirementsController } from './retirements.controller.js';
import { RevocationsController } from './revocations.controller.js';
import { routePatternOf } from './route-pattern.js';
import { SinkDeliveriesController } from './sink-deliveries.controller.js';
import { SinksController } from './sinks.controller.js';
import { TrustedIssuersController } from './trusted-issuers.controller.js';

/** The controllers of the admin API; of two that a path fits the first one answers. */
export const ADMIN_CONTROLLERS: readonly Type[] = [
  ClientsController,
  ClientSecretsController,
  ClientRightsController,
  AccountsController,
  AccountPasswordController,
  AccountSessionsController,
  AccountApplicationsController,
  ErasuresController,
  KeysController,
  TrustedIssuersController,
  PolicyPlansController,
  PolicyExplanationsController,
  PolicySimulationsController,
  PoliciesController,
  RevocationsController,
  AuditController,
  AuditExportController,
  AuditStreamController,
  SinksController,
  SinkDeliveriesController,
  LedgerExportController,
  RetirementsController,
  LedgerEntriesController,
];

/** What nobody else answers below `/admin`: 405 for another method of a known path, else 404. */
@AdminController('admin', 'admin')
@ApiExcludeController()
export class UnknownPathController {
  readonly #routes = ADMIN_CONTROLLERS.flatMap(routesOf);

  @All(['', '*path'])
  @RequiresAnyScope()
  answer(@Req() request: IncomingMessage): never {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const methods = this.#routes
      .filter(({ pattern }) => pattern.test(path))
      .map(({ method }) => method);
    if (methods.length === 0) throw new Problem(404, 'There is nothing at this path.');
    const allowed = methods.includes('GET') ? [...methods, 'HEAD'] : methods;
    throw new Problem(405, 'This path takes another method.', {
      headers: { Allow: [...new Set(allowed)].toSorted().join(', ') },
    });
  }
}

function routesOf(controller: Type): { method: string; pattern: RegExp }[] {
  const prototype = controller.prototype as Record<string, unknown>;
  return Object.getOwnPropertyNames(prototype).flatMap((name) => {
    const handler = prototype[name];
    if (typeof handler !== 'function') return [];
    const method: unknown = Reflect.getMetadata(METHOD_METADATA, handler);
    if (typeof method !== 'number') return [];
    const path = routePatternOf(controller, handler).replaceAll(/:[A-Za-z]+/g, '[^/]+');
    return [{ method: RequestMethod[method] ?? '', pattern: new RegExp(`^${path}/?$`, 'i') }];
  });
}
