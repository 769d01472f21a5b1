import { hashSecret } from '../clients/client-secret.js';
import { ClientConflictError, type ClientStore } from '../clients/client-store.js';
import { newClient } from '../clients/client.js';
import { GrantType } from '../oauth/grant-type.js';

/**
 * Makes the first administrator, the client `admin_cli`, with the secret that the configuration
 * names, when the store holds no client at all.
 * @returns whether it was made
 */
export async function seedFirstAdministrator(
  store: ClientStore,
  settings: { secret: string; adminTarget: string; adminScopes: readonly string[]; now: number },
): Promise<boolean> {
  if ((await store.list({ limit: 1 })).length > 0) return false;
  const { now, adminTarget, adminScopes, secret } = settings;
  const administrator = newClient({
    clientId: 'admin_cli',
    name: 'First administrator',
    grantTypes: [GrantType.ClientCredentials],
    scopes: adminScopes,
    targets: [adminTarget],
    defaultTarget: adminTarget,
    secrets: [{ id: 'first', hash: hashSecret(secret), createdAt: now, expiresAt: null }],
    createdAt: now,
  });
  try {
    await store.create(administrator);
    return true;
  } catch (error) {
    if (error instanceof ClientConflictError) return false;
    throw error;
  }
}
