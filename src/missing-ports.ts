import type { DynamicModule, Provider } from '@nestjs/common';
import { MODULE_METADATA } from '@nestjs/common/constants.js';

import { AuditLog } from './audit/audit-log.js';
import { ClientStore } from './clients/client-store.js';
import { KeyStore } from './keys/key-store.js';
import type { Adapter } from './token-exchange.options.js';
import { TrustedIssuerStore } from './tokens/trusted-issuer-store.js';

const PORTS = [KeyStore, ClientStore, TrustedIssuerStore, AuditLog] as const;

/**
 * Providers that stand in for the ports that no adapter exports, and refuse to start with the names
 * of all of them. Without them every room's own look-up would fail, and the host would read Nest's
 * message about the one that failed first.
 */
export function missingPorts(adapters: readonly Adapter[]): Provider[] {
  const missing = PORTS.filter((port) => !adapters.some((adapter) => doesExport(adapter, port)));
  const names = missing.map((port) => port.name).join(', ');
  return missing.map((port) => ({
    provide: port,
    useFactory: (): never => {
      throw new Error(
        `TokenExchangeModule: no adapter provides ${names}. Export it from a module in "adapters".`,
      );
    },
  }));
}

/** Whether a module exports a port; in doubt, when it imports a promise, it does. */
function doesExport(module: unknown, port: unknown): boolean {
  const exported = definitionOf(module, 'exports').map(tokenOf);
  return (
    exported.includes(port) ||
    definitionOf(module, 'imports').some(
      (imported) =>
        imported instanceof Promise ||
        (exported.includes(tokenOf(imported)) && doesExport(imported, port)),
    )
  );
}

/** What a module lists: in its decorator, and as the dynamic module that it may be. */
function definitionOf(definition: unknown, list: 'imports' | 'exports'): readonly unknown[] {
  const module = resolved(definition);
  const key = list === 'imports' ? MODULE_METADATA.IMPORTS : MODULE_METADATA.EXPORTS;
  const decorated = Reflect.getMetadata(key, Object(tokenOf(module)) as object) as
    | readonly unknown[]
    | undefined;
  const added = typeof module === 'object' ? (module as Partial<DynamicModule>)[list] : undefined;
  return [...(decorated ?? []), ...(added ?? [])];
}

/** The name under which something is exported: its token, or its class when it is a module. */
function tokenOf(definition: unknown): unknown {
  const exported = resolved(definition);
  if (typeof exported !== 'object' || exported === null) return exported;
  if ('provide' in exported) return exported.provide;
  return 'module' in exported ? exported.module : exported;
}

function resolved(definition: unknown): unknown {
  const isForward =
    typeof definition === 'object' && definition !== null && 'forwardRef' in definition;
  return isForward ? (definition as { forwardRef: () => unknown }).forwardRef() : definition;
}
