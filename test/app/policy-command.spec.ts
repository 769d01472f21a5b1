import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import { runPolicyCommand } from '../../src/app/policy-command.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { RunningService, tokenOf } from '../support/running-service.js';
import { freePort, ROOT } from '../support/service-process.js';

let database: TestDatabase;
let service: RunningService;
let folder: string;
let secret: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nest-token-exchange-policies-'));
  database = await createTestDatabase();
  service = await RunningService.start({ DATABASE_URL: database.url });
  secret = await service.demoSecret('admin_cli');
}, 120_000);

afterEach(async () => {
  await policy(['apply', '--prune'], 'policies: []');
});

afterAll(async () => {
  await service?.remove();
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** What a command says and ends with; it never says a secret, and never where it happened. */
async function run(
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  let out = '';
  let error = '';
  const terminal = {
    out: (text: string) => void (out += text),
    error: (text: string) => void (error += text),
  };
  const code = await runPolicyCommand(words, terminal, { DATA_DIR: folder, ...environment });
  expect(out + error).not.toContain(secret);
  expect(out + error).not.toMatch(/^\s+at /m);
  return { code, out, error };
}

const fileName = (): string => join(folder, 'policies.yaml');

/** A command for the service of these tests, with this file. */
async function policy([action = '', ...rest]: readonly string[], text = ''): Promise<Outcome> {
  await writeFile(fileName(), text);
  const file = action === 'export' ? [] : ['--file', fileName()];
  const demo = ['--demo', join(service.dataDir, 'demo.json')];
  return run([action, ...file, ...demo, '--server', service.url, ...rest]);
}

const PARCELS = `
policies:
  - policyId: parcels
    actor: { clients: [address_service] }
    targets: [postal_service]
    limits: { depth: 3 }
`;

describe('The command policy', () => {
  it('plans, applies, and the second time has nothing to do', async () => {
    const planned = await policy(['plan'], PARCELS);
    expect(planned).toEqual({
      code: 2,
      error: '',
      out: [
        '+ parcels',
        '    actor.clients: ["address_service"]',
        '    limits.depth: 3',
        '    targets: ["postal_service"]',
        '1 to create, 0 to change, 0 to delete, 0 as they are.',
        '',
      ].join('\n'),
    });
    expect(await policy(['export'])).toMatchObject({ code: 0, out: 'policies: []\n' });
    const applied = await policy(['apply'], PARCELS);
    expect(applied).toEqual({ code: 0, error: '', out: `${planned.out}Applied.\n` });
    const nothing = '= parcels\n0 to create, 0 to change, 0 to delete, 1 as they are.\n';
    expect(await policy(['plan'], PARCELS)).toEqual({ code: 0, error: '', out: nothing });
    expect(await policy(['apply'], PARCELS)).toEqual({ code: 0, error: '', out: nothing });
  });

  it('shows changes by field, and removes only what it is told to', async () => {
    await policy(['apply'], PARCELS);
    const changed = PARCELS.replace('depth: 3', 'lifetime: 60');
    expect((await policy(['plan'], changed)).out).toBe(
      [
        '~ parcels',
        '    limits.depth: 3 -> 5',
        '    limits.lifetime: (nothing) -> 60',
        '0 to create, 1 to change, 0 to delete, 0 as they are.',
        '',
      ].join('\n'),
    );
    expect((await policy(['plan'], 'policies: []')).code).toBe(0);
    const pruned = await policy(['plan', '--prune'], 'policies: []');
    expect([pruned.code, pruned.out.split('\n')[0]]).toEqual([2, '- parcels']);
    expect((await policy(['plan'], PARCELS)).code).toBe(0);
  });

  it('exports what can be applied again', async () => {
    const text = [
      'policies:',
      '  - policyId: ban',
      '    effect: deny',
      '    scopes:',
      '      - address:write',
      '    validity:',
      '      until: "2099-01-31T08:00:00.000Z"',
      '  - policyId: parcels',
      '    description: "no"',
      '    actor:',
      '      clients:',
      '        - address_service',
      '      after: []',
      '    targets:',
      '      - postal_service',
      '    scopeMapping:',
      '      address:read:',
      '        - parcels:send',
      '',
    ].join('\n');
    expect((await policy(['apply'], text)).code).toBe(0);
    const exported = await policy(['export']);
    expect(exported.code).toBe(0);
    expect((await policy(['plan', '--prune'], exported.out)).code).toBe(0);
    await policy(['apply', '--prune'], 'policies: []');
    expect((await policy(['apply'], exported.out)).code).toBe(0);
    expect((await policy(['export'])).out).toBe(exported.out);
    expect(exported.out.split('\n').toSorted()).toEqual(text.split('\n').toSorted());
  });

  it('applies the example of the documentation, which then decides', async () => {
    const guide = await readFile(`${ROOT}/docs/policies.md`, 'utf8');
    const example = /```yaml\n([\s\S]*?)```/.exec(guide)?.[1] ?? '';
    const said = /```\n(\+ parcels[\s\S]*?)```/.exec(guide)?.[1];
    expect(await policy(['apply'], example)).toEqual({ code: 0, error: '', out: said });
    const question = /```json\n([\s\S]*?)```/.exec(guide)?.[1] ?? '';
    const token = tokenOf(
      await service.token({ grant_type: GrantType.ClientCredentials }, 'admin_cli', secret),
    );
    const asked = JSON.parse(question) as object;
    const explained = await service.admin(token, 'POST', '/policies/explain', asked);
    expect(explained.body).toMatchObject({
      verdict: 'granted',
      scope: ['address:read'],
      lifetime: 60,
      basis: { policy: 'parcels' },
    });
    // A token that is nobody's of the staff: what the settings allowed before is the policy's now.
    const own = await service.demoSecret('address_service');
    const form = { grant_type: GrantType.ClientCredentials };
    const exchange = {
      grant_type: GrantType.TokenExchange,
      subject_token: tokenOf(await service.token(form, 'address_service', own)),
      subject_token_type: TokenType.AccessToken,
      audience: 'postal_service',
    };
    expect((await service.token(exchange, 'address_service', own)).status).toBe(400);
    await policy(['apply', '--prune'], 'policies: []');
    expect((await service.token(exchange, 'address_service', own)).status).toBe(200);
  });
});

describe('The command policy tells a mistake', () => {
  it.each<[string, string, string]>([
    ['what is no YAML', 'policies:\n  - policyId: "a\n', '3:1: '],
    ['a key that repeats', 'policies: []\npolicies: []\n', '2:1: Map keys must be unique'],
    ['a tag that is not known', 'policies: !env HOME\n', '1:11: Unresolved tag'],
    ['two documents', 'policies: []\n---\npolicies: []\n', '2:1: '],
    ['an empty file', '', '1:1: must be an object with the list "policies"'],
    ['a list', '- policyId: a\n', '1:1: must be an object with the list "policies"'],
    ['no list', 'policies: yes\n', '1:1: must be an object with the list "policies"'],
    ['another field', 'policies: []\nprune: true\n', '2:1: prune is not a known field'],
    [
      'a field that is not known',
      `${PARCELS}    color: red\n`,
      '7:5: policies.0.color is not a known field',
    ],
    [
      'a value of another type',
      PARCELS.replace('depth: 3', 'depth: "3"'),
      '6:15: policies.0.limits.depth must be an integer number',
    ],
    [
      'a value that cannot be',
      PARCELS.replace('depth: 3', 'depth: 17'),
      '6:15: policies.0.limits.depth must be 1 to 16',
    ],
    [
      'what is missing, where it should be',
      PARCELS.replace('targets: [postal_service]', 'description: x'),
      '3:5: policies.0.targets must name at least one target',
    ],
    [
      'nothing where an object should be',
      PARCELS.replace(' { depth: 3 }', ''),
      '6:5: policies.0.limits must be an object',
    ],
    [
      'a name that repeats',
      `${PARCELS}  - { policyId: parcels, effect: deny }\n`,
      '7:7: policies.1.policyId is the name of another one',
    ],
    [
      'what an alias leads to',
      'policies:\n  - &a { policyId: a, effect: maybe }\n  - *a\n',
      '2:23: policies.0.effect must be one of',
    ],
  ])('in the file: %s', async (_, text, mistake) => {
    const { code, out, error } = await policy(['plan'], text);
    expect([code, out]).toEqual([1, '']);
    expect(error).toContain(`${fileName()}:${mistake}`);
  });

  it('every one of a file at once, from above to below', async () => {
    const { error } = await policy(['apply'], 'policies:\n  - { policyId: A }\n  - policyId: B\n');
    const places = error.split('\n').map((line) => line.slice(fileName().length).split(' ')[0]);
    expect(places).toEqual([':2:5:', ':2:5:', ':2:7:', ':3:5:', ':3:5:', ':3:5:', '']);
  });

  it('in the words', async () => {
    for (const words of [[], ['list'], ['plan', '--force'], ['plan', 'x'], ['export', '--prune']]) {
      const { code, error } = await run(words);
      expect(code).toBe(1);
      expect(error).toContain('Usage: nest-token-exchange policy');
    }
    const { code, error } = await run(['plan', '--file', join(folder, 'nothing.yaml')]);
    expect([code, error]).toEqual([1, `There is no file ${join(folder, 'nothing.yaml')}.\n`]);
  });

  it('in who administrates', async () => {
    const server = ['--server', service.url];
    expect((await run(['export', ...server])).error).toContain('Set ADMIN_SECRET');
    expect((await run(['export', ...server, '--demo', fileName()])).error).toContain(
      'is not a demo.json of this service',
    );
    const wrong = await run(['export', ...server], { ADMIN_SECRET: `${secret}x` });
    expect([wrong.code, wrong.out]).toEqual([1, '']);
    expect(wrong.error).toContain('does not know the client admin_cli with this secret');
    const other = await policy(['export', '--client', 'my_gateway']);
    expect(other.error).toContain('The client my_gateway gets no token for policies:read');
    const nobody = await policy(['export', '--client', 'nobody']);
    expect(nobody.error).toContain('has no secret of the client nobody');
  });

  it('in where the service runs', async () => {
    const environment = { ADMIN_SECRET: secret };
    expect((await run(['export'], environment)).error).toContain('--server or ISSUER');
    const insecure = ['http://idp.example', 'ftp://localhost', 'x', 'https://a:b@idp.example'];
    for (const url of insecure)
      expect((await run(['export', '--server', url], environment)).error).toContain(
        'must be an https URL, or http on loopback',
      );
    const down = await run(
      ['export', '--server', `http://127.0.0.1:${await freePort()}`],
      environment,
    );
    expect([down.code, down.out]).toEqual([1, '']);
    expect(down.error).toMatch(
      /^Nothing answers at http:\/\/127\.0\.0\.1:\d+\. Does the service run\?\n$/,
    );
  });

  it('is none when the environment says where and who', async () => {
    const environment = { ADMIN_SECRET: secret, ISSUER: service.url };
    expect(await run(['export'], environment)).toMatchObject({ code: 0, out: 'policies: []\n' });
    const slash = await run(['export', '--server', `${service.url}/`], environment);
    expect(slash.code).toBe(0);
  });
});
