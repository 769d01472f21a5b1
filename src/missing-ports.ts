import type { DynamicModule, Provider } from '@nestjs/common';
import { MODULE_METADATA } from '@nestjs/common/constants.js';

import { AccountStore } from './accounts/account-store.js';
import { SessionStore } from './accounts/session-store.js';
import { AuditLog, AuditReader } from './audit/audit-log.js';
import { AuthorizationStore } from './authorization/authorization-store.js';
import { ConsentStore } from './authorization/consent-store.js';
import { PushedRequestStore } from './authorization/pushed-request-store.js';
import { ClientStore } from './clients/client-store.js';
import { PolicyStore } from './delegation/policy-store.js';
import { PolicyUseStore } from './delegation/policy-use-store.js';
import { KeyStore } from './keys/key-store.js';
import {
  MODULE_OPTIONS_TOKEN,
  type Adapter,
  type TokenExchangeOptions,
} from './token-exchange.options.js';
import { NoRevocations, RevocationStore } from './tokens/revocation-store.js';
import { NoStatusLists, StatusListStore } from './tokens/status-list-store.js';
import { TrustedIssuerStore } from './tokens/trusted-issuer-store.js';

const PORTS = [KeyStore, ClientStore, TrustedIssuerStore, AuditLog] as const;

/** What a server at which people sign in keeps besides. */
const SIGN_IN_PORTS = [
  AccountStore,
  SessionStore,
  AuthorizationStore,
  ConsentStore,
  PushedRequestStore,
] as const;

/** What a server keeps that has policies besides the settings of its clients; both or none. */
const POLICY_PORTS = [PolicyStore, PolicyUseStore] as const;

/** What stands for a port that a server can do without, and keeps nothing. */
const NOT_KEPT = [
  { provide: RevocationStore, useClass: NoRevocations },
  { provide: StatusListStore, useClass: NoStatusLists },
] as const;

/** Whether the adapters keep policies. */
export function keepsPolicies(adapters: readonly Adapter[]): boolean {
  return POLICY_PORTS.every((port) => adapters.some((adapter) => doesExport(adapter, port)));
}

/**
 * Providers that stand in for the ports that no adapter exports, and refuse to start with the names
 * of all of them. Without them every room's own look-up would fail, and the host would read Nest's
 * message about the one that failed first.
 */
export function missingPorts(adapters: readonly Adapter[]): Provider[] {
  const isMissing = (port: unknown): boolean =>
    !adapters.some((adapter) => doesExport(adapter, port));
  const missing = PORTS.filter(isMissing);
  const missingForSignIn = SIGN_IN_PORTS.filter(isMissing);
  const refuse = (hasSignIn: boolean): never => {
    const names = [...missing, ...(hasSignIn ? missingForSignIn : [])].map(({ name }) => name);
    throw new Error(
      `TokenExchangeModule: no adapter provides ${names.join(', ')}. Export it from a module in "adapters".`,
    );
  };
  const stand = (port: (typeof missing)[number] | (typeof missingForSignIn)[number]): Provider => ({
    provide: port,
    useFactory: ({ signIn }: TokenExchangeOptions): unknown => {
      const isNeeded = signIn !== undefined || missing.some((each) => each === port);
      // Without sign-in nobody asks these; whoever does learns what is missing.
      return isNeeded ? refuse(signIn !== undefined) : unprovided(port.name);
    },
    inject: [MODULE_OPTIONS_TOKEN],
  });
  const without = [...POLICY_PORTS, AuditReader].filter(isMissing).map((port): Provider => ({
    provide: port,
    useFactory: () => unprovided(port.name),
  }));
  const notKept = NOT_KEPT.filter(({ provide }) => isMissing(provide));
  return [...[...missing, ...missingForSignIn].map(stand), ...without, ...notKept];
}

/** Stands for a port that this server does without: every call of it is refused. */
function unprovided(name: string): object {
  return new Proxy(
    {},
    {
      get: (_target, property) =>
        // Nest looks for `then` and life cycle hooks on what it provides.
        typeof property === 'symbol' || property === 'then' || /^(?:on|before)[A-Z]/.test(property)
          ? undefined
          : () => Promise.reject(new Error(`TokenExchangeModule: no adapter provides ${name}.`)),
    },
  );
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
