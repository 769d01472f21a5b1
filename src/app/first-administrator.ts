import { hashSecret } from '../clients/client-secret.js';
import { ClientConflictError, type ClientStore } from '../clients/client-store.js';
import { administrator, renewAdministrator, type AdminAccess } from './administrator.js';

/**
 * Makes the first administrator, the client `admin_cli`, with the secret that the configuration
 * names, when the store holds no client at all; one that exists is made to reach the admin API.
 * @returns whether it was made
 */
export async function seedFirstAdministrator(
  store: ClientStore,
  settings: AdminAccess & { readonly secret: string; readonly now: number },
): Promise<boolean> {
  if ((await store.list({ limit: 1 })).length > 0) {
    await renewAdministrator(store, settings);
    return false;
  }
  const { now, secret } = settings;
  const first = { id: 'first', hash: hashSecret(secret), createdAt: now, expiresAt: null };
  try {
    await store.create({ ...administrator(settings), secrets: [first], createdAt: now });
    return true;
  } catch (error) {
    if (error instanceof ClientConflictError) return false;
    throw error;
  }
}
