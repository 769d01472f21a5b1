import type { ClientStore } from '../clients/client-store.js';
import { newClient, type Client } from '../clients/client.js';
import { GrantType } from '../oauth/grant-type.js';

/** How the identifier of an admin API ends, whatever its issuer is. */
const ADMIN_PATH = '/admin';

/** What an administrator's client must be able to reach. */
export interface AdminAccess {
  /** The identifier of the admin API, which follows the issuer. */
  readonly adminTarget: string;
  readonly adminScopes: readonly string[];
}

/** The client `admin_cli`, which may do everything at the admin API and nothing elsewhere. */
export function administrator({ adminTarget, adminScopes }: AdminAccess): Client {
  return newClient({
    clientId: 'admin_cli',
    name: 'Administration',
    grantTypes: [GrantType.ClientCredentials],
    scopes: adminScopes,
    targets: [adminTarget],
    defaultTarget: adminTarget,
  });
}

/** The client of the API documentation: people use the admin API there with the rights of their roles. */
export function documentationClient(
  { adminTarget, adminScopes }: AdminAccess,
  issuer: string,
): Client {
  return newClient({
    clientId: 'swagger-ui',
    name: 'API documentation',
    kind: 'public',
    grantTypes: [GrantType.AuthorizationCode],
    scopes: adminScopes,
    targets: [adminTarget],
    defaultTarget: adminTarget,
    signIn: {
      redirectUris: [documentationRedirect(issuer)],
      consentRequired: false,
      defaultScopes: adminScopes,
    },
  });
}

/** Where the API documentation takes codes. */
export function documentationRedirect(issuer: string): string {
  return `${issuer}/docs/oauth2-redirect.html`;
}

/**
 * Lets a stored `admin_cli` reach the admin API again after the issuer changed, or after this
 * version brought new scopes.
 */
export async function renewAdministrator(store: ClientStore, access: AdminAccess): Promise<void> {
  await renew(store, administrator(access));
}

/** Lets a stored `swagger-ui` do the same, and take codes where the documentation is now. */
export async function renewDocumentationClient(
  store: ClientStore,
  access: AdminAccess,
  issuer: string,
): Promise<void> {
  await renew(store, documentationClient(access, issuer));
}

/**
 * Only who reaches an admin API already: a client that somebody made under this name, or whose reach
 * was taken away, gets nothing.
 */
async function renew(store: ClientStore, wanted: Client): Promise<void> {
  const stored = await store.find(wanted.clientId);
  if (stored === null || !stored.targets.some((target) => target.endsWith(ADMIN_PATH))) return;
  const { targets, defaultTarget, scopes, signIn } = wanted;
  const redirectUris = signIn.redirectUris;
  const reaches =
    stored.defaultTarget === defaultTarget &&
    scopes.every((scope) => stored.scopes.includes(scope)) &&
    redirectUris.every((uri) => stored.signIn.redirectUris.includes(uri));
  if (reaches) return;
  await store.update({
    ...stored,
    scopes: [...new Set([...stored.scopes, ...scopes])],
    targets,
    defaultTarget,
    signIn: { ...stored.signIn, redirectUris, defaultScopes: signIn.defaultScopes },
    version: stored.version + 1,
  });
}
