import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { makeClientSecret } from '../clients/client-secret.js';
import type { ClientStore } from '../clients/client-store.js';
import { newClient, type Client } from '../clients/client.js';
import { GrantType } from '../oauth/grant-type.js';

/** What `demo.json` holds: everything the story and scripts need to play. */
export interface Demo {
  readonly issuer: string;
  readonly clients: readonly DemoClient[];
}

/** A demo client with the secret that only this file knows. */
export interface DemoClient {
  readonly clientId: string;
  readonly clientSecret?: string;
  readonly purpose: string;
}

interface Role {
  readonly client: Client;
  readonly purpose: string;
}

const ADDRESS_SCOPES = ['address:read', 'address:write'];

function roles(adminTarget: string, adminScopes: readonly string[]): readonly Role[] {
  const exchanges = [GrantType.ClientCredentials, GrantType.TokenExchange];
  return [
    {
      client: newClient({
        clientId: 'web_app',
        name: 'Web application',
        kind: 'public',
        scopes: ADDRESS_SCOPES,
        targets: ['my_gateway'],
      }),
      purpose: 'the application that people open',
    },
    {
      client: newClient({
        clientId: 'my_gateway',
        name: 'API gateway',
        grantTypes: exchanges,
        scopes: ADDRESS_SCOPES,
        offeredScopes: ADDRESS_SCOPES,
        targets: ['address_service'],
        defaultTarget: 'address_service',
      }),
      purpose: 'may exchange tokens for the address service',
    },
    {
      client: newClient({
        clientId: 'address_service',
        name: 'Address service',
        grantTypes: exchanges,
        scopes: ['address:read'],
        offeredScopes: ADDRESS_SCOPES,
        targets: ['postal_service'],
        defaultTarget: 'postal_service',
      }),
      purpose: 'may exchange tokens for the postal service, to read only',
    },
    {
      client: newClient({
        clientId: 'postal_service',
        name: 'Postal service',
        offeredScopes: ['address:read'],
      }),
      purpose: 'takes tokens, asks for none',
    },
    {
      client: newClient({
        clientId: 'admin_cli',
        name: 'Administration',
        grantTypes: [GrantType.ClientCredentials],
        scopes: adminScopes,
        targets: [adminTarget],
        defaultTarget: adminTarget,
      }),
      purpose: 'administers this server; also for the Authorize button of /docs',
    },
  ];
}

/**
 * Seeds the demo clients of development and keeps their secrets in `demo.json` (mode 0600). Clients
 * that exist are left as they are; when the file is gone their secrets are made anew.
 * @returns what to print, or undefined when nothing was made
 */
export async function seedDemo(
  store: ClientStore,
  settings: {
    dataDir: string;
    issuer: string;
    adminTarget: string;
    adminScopes: readonly string[];
    now: number;
  },
): Promise<Demo | undefined> {
  const path = join(settings.dataDir, 'demo.json');
  const kept = await readDemo(path);
  const clients: DemoClient[] = [];
  let changed = kept === undefined || kept.issuer !== settings.issuer;
  for (const { client, purpose } of roles(settings.adminTarget, settings.adminScopes)) {
    const stored = await store.find(client.clientId);
    const known = kept?.clients.find((each) => each.clientId === client.clientId);
    const needsSecret = client.grantTypes.length > 0;
    if (stored && known) {
      clients.push(known);
      continue;
    }
    changed = true;
    const made = needsSecret ? makeClientSecret(settings.now, null) : undefined;
    const secrets = made ? [made.kept] : [];
    if (stored) await store.update({ ...stored, secrets, version: stored.version + 1 });
    else await store.create({ ...client, secrets, createdAt: settings.now });
    clients.push({
      clientId: client.clientId,
      ...(made ? { clientSecret: made.secret } : {}),
      purpose,
    });
  }
  if (!changed) return undefined;
  const demo: Demo = { issuer: settings.issuer, clients };
  await writePrivate(path, `${JSON.stringify(demo, null, 2)}\n`);
  return demo;
}

/** The lines that tell a newcomer what was seeded. */
export function describeDemo({ issuer, clients }: Demo): string {
  const width = Math.max(...clients.map((client) => client.clientId.length));
  const lines = clients.map(
    ({ clientId, clientSecret, purpose }) =>
      `  ${clientId.padEnd(width)}  ${clientSecret ?? '(no secret)'.padEnd(43)}  ${purpose}`,
  );
  return [
    `Demo clients of ${issuer}, printed once and kept in demo.json in the data folder:`,
    ...lines,
    '',
  ].join('\n');
}

async function readDemo(path: string): Promise<Demo | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Demo;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError)
      return undefined;
    throw error;
  }
}

async function writePrivate(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await chmod(`${path}.new`, 0o600);
  await rename(`${path}.new`, path);
}
