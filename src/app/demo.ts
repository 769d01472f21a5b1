import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import {
  administrator,
  documentationClient,
  renewAdministrator,
  renewDocumentationClient,
  type AdminAccess,
} from './administrator.js';
import { makeClientSecret } from '../clients/client-secret.js';
import type { ClientStore } from '../clients/client-store.js';
import { newClient, type Client } from '../clients/client.js';
import { GrantType } from '../oauth/grant-type.js';
import { OPENID_SCOPES } from '../oauth/openid.js';
import { seedPeople, type DemoPerson, type PeopleStores } from './demo-people.js';

/** What `demo.json` holds: everything the story and scripts need to play. */
export interface Demo {
  readonly issuer: string;
  readonly clients: readonly DemoClient[];
  readonly people: readonly DemoPerson[];
}

/** A demo client with the secret that only this file knows. */
export interface DemoClient {
  readonly clientId: string;
  readonly clientSecret?: string;
  readonly purpose: string;
}

type KeptDemo = Omit<Demo, 'people'> & Partial<Pick<Demo, 'people'>>;

interface Role {
  readonly client: Client;
  readonly purpose: string;
}

const ADDRESS_SCOPES = ['address:read', 'address:write'];

/** Where the story's application listens: any port of this machine. */
const CALLBACK = 'http://127.0.0.1/callback';

function roles(access: AdminAccess, issuer: string): readonly Role[] {
  const exchanges = [GrantType.ClientCredentials, GrantType.TokenExchange];
  return [
    {
      client: newClient({
        clientId: 'web_app',
        name: 'Web application',
        kind: 'public',
        grantTypes: [GrantType.AuthorizationCode, GrantType.RefreshToken],
        scopes: [...OPENID_SCOPES, ...ADDRESS_SCOPES],
        targets: ['my_gateway'],
        defaultTarget: 'my_gateway',
        signIn: {
          redirectUris: [CALLBACK],
          postLogoutRedirectUris: ['http://127.0.0.1/signed-out'],
          defaultScopes: ['openid', 'address:read'],
        },
      }),
      purpose: 'the application that people sign in to',
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
      purpose: 'takes tokens, asks for none; introspects them',
    },
    {
      client: administrator(access),
      purpose: 'administers this server from scripts',
    },
    {
      client: documentationClient(access, issuer),
      purpose: 'the Authorize button of /docs, for people with a role',
    },
  ];
}

/**
 * Seeds the demo clients and people of development and keeps their secrets in `demo.json` (mode
 * 0600). Who exists is left as they are; when the file is gone their secrets are made anew.
 * @returns what to print, or undefined when nothing was made
 */
export async function seedDemo(
  { clients: store, ...people }: PeopleStores & { readonly clients: ClientStore },
  settings: AdminAccess & {
    readonly dataDir: string;
    readonly issuer: string;
    readonly now: number;
  },
): Promise<Demo | undefined> {
  const path = join(settings.dataDir, 'demo.json');
  const kept = await readDemo(path);
  const clients: DemoClient[] = [];
  let changed = kept === undefined || kept.issuer !== settings.issuer;
  await renewAdministrator(store, settings);
  await renewDocumentationClient(store, settings, settings.issuer);
  for (const { client, purpose } of roles(settings, settings.issuer)) {
    const stored = await store.find(client.clientId);
    const known = kept?.clients.find((each) => each.clientId === client.clientId);
    // Who only takes tokens needs one to introspect them.
    const needsSecret = client.kind === 'confidential';
    if (stored && known && (known.clientSecret !== undefined || !needsSecret)) {
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
  const seeded = await seedPeople(people, kept?.people ?? [], settings.now);
  if (!changed && !seeded.changed) return undefined;
  const demo: Demo = { issuer: settings.issuer, clients, people: seeded.people };
  await writePrivate(path, `${JSON.stringify(demo, null, 2)}\n`);
  return demo;
}

/** The lines that tell a newcomer what was seeded. */
export function describeDemo({ issuer, clients, people }: Demo): string {
  const names = [
    ...clients.map(({ clientId }) => clientId),
    ...people.map(({ username }) => username),
  ];
  const width = Math.max(...names.map((name) => name.length));
  const line = (name: string, secret: string, purpose: string): string =>
    `  ${name.padEnd(width)}  ${secret.padEnd(43)}  ${purpose}`;
  return [
    `Demo clients of ${issuer}, printed once and kept in demo.json in the data folder:`,
    ...clients.map(({ clientId, clientSecret = '(no secret)', purpose }) =>
      line(clientId, clientSecret, purpose),
    ),
    '',
    `Demo people, who sign in at ${issuer}/sign-in:`,
    ...people.map(({ username, password, purpose }) => line(username, password, purpose)),
    '',
  ].join('\n');
}

/** The file as it is; one of an earlier version knows no people. */
async function readDemo(path: string): Promise<KeptDemo | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as KeptDemo;
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
