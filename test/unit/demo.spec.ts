import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { Passwords } from '../../src/accounts/password.js';
import { seedDemo } from '../../src/app/demo.js';
import { InMemoryAccountStore, InMemoryClientStore } from '../../src/testing/index.js';

let dataDir: string;
const clients = new InMemoryClientStore();
const stores = { clients, accounts: new InMemoryAccountStore(), passwords: new Passwords() };

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'nest-token-exchange-demo-'));
});

afterAll(async () => {
  await rm(dataDir, { recursive: true, force: true });
});

const seed = (issuer: string, adminScopes: readonly string[]) =>
  seedDemo(stores, { issuer, dataDir, adminTarget: `${issuer}/admin`, adminScopes, now: 1 });

describe('The demo', () => {
  it('lets its administrators follow when the issuer and the scopes change', async () => {
    const [before, after] = ['http://localhost:3000', 'http://localhost:4000'];
    await seed(before, ['clients:read']);
    await seed(after, ['clients:read', 'keys:read']);
    const reach = {
      targets: [`${after}/admin`],
      defaultTarget: `${after}/admin`,
      scopes: ['clients:read', 'keys:read'],
    };
    expect(await clients.find('admin_cli')).toMatchObject(reach);
    expect(await clients.find('swagger-ui')).toMatchObject({
      ...reach,
      signIn: {
        redirectUris: [`${after}/docs/oauth2-redirect.html`],
        defaultScopes: ['clients:read', 'keys:read'],
      },
    });
  });

  it('gives nothing to a client that only has the name of an administrator', async () => {
    const found = await clients.find('admin_cli');
    if (found === null) throw new Error('no admin_cli');
    const reduced = { ...found, scopes: ['clients:read'], targets: [], defaultTarget: null };
    await clients.update({ ...reduced, version: found.version + 1 });
    await seed('http://localhost:5000', ['clients:read', 'keys:read']);
    expect(await clients.find('admin_cli')).toMatchObject({
      scopes: ['clients:read'],
      targets: [],
    });
  });

  it('keeps its people and their passwords when it is seeded again', async () => {
    const first = await stores.accounts.findByUsername('alice');
    expect(await seed('http://localhost:5000', ['clients:read', 'keys:read'])).toBeUndefined();
    expect(await stores.accounts.findByUsername('alice')).toEqual(first);
  });
});
