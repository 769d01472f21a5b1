import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { describeSettings } from '../../src/app/configuration.js';
import { freePort, plainEnvironment, ROOT, ServiceProcess } from '../support/service-process.js';

let readme: string;
let folder: string;
let port: number;
let service: ServiceProcess;

beforeAll(async () => {
  readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  folder = await mkdtemp(join(tmpdir(), 'nest-token-exchange-readme-'));
  await chmod(folder, 0o711);
  port = await freePort();
  service = await ServiceProcess.start(join(folder, 'elsewhere'), port);
  // The commands of the README speak of ./data, as they do in a clone.
  await symlink(join(folder, 'elsewhere'), join(folder, 'data'));
}, 120_000);

afterAll(async () => {
  await service?.stop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

/** The shell commands below a heading, against the port of this test. */
function commandsBelow(heading: string): string {
  const section = readme.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const blocks = [...section.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
  return blocks.join('\n').replaceAll('localhost:3000', `localhost:${port}`);
}

async function shell(commands: string): Promise<string> {
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', commands], {
    cwd: folder,
    env: plainEnvironment({}),
  });
  return stdout;
}

describe('The README', () => {
  it('shows commands that list the latest records', async () => {
    const answer = JSON.parse(await shell(commandsBelow('See the chain'))) as {
      items: { record: { outcome: string } }[];
    };
    expect(answer.items[0]?.record.outcome).toBe('granted');
  }, 60_000);

  it('shows commands that exchange a token', async () => {
    const both = `{ ${commandsBelow('See the chain')} } >/dev/null\n${commandsBelow('Exchange a token')}`;
    expect(JSON.parse(await shell(both))).toMatchObject({
      token_type: 'Bearer',
      scope: 'address:read',
    });
  }, 60_000);

  it('shows commands that ask about a token and take it back', async () => {
    const before = `${commandsBelow('See the chain')}\n${commandsBelow('Exchange a token')}`;
    const commands = commandsBelow('Ask about a token, take it back').replaceAll('\n', '; echo;\n');
    const answers = (await shell(`{ ${before} } >/dev/null\n${commands}`)).split('\n');
    expect(JSON.parse(answers[0] ?? '')).toMatchObject({ active: true, sub: 'my_gateway' });
    expect(answers.slice(1, 3)).toEqual(['', '{"active":false}']);
  }, 60_000);

  it('shows how to register an application that people sign in to', async () => {
    const both = `{ ${commandsBelow('See the chain')} } >/dev/null\n${commandsBelow('Let people sign in')}`;
    expect(JSON.parse(await shell(both))).toMatchObject({
      clientId: 'intranet',
      signIn: { redirectUris: ['https://intranet.example/callback'], consentRequired: false },
    });
  }, 60_000);

  it('names scripts, files and settings that exist', async () => {
    const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    for (const [, name = ''] of readme.matchAll(/npm run ([a-z:]+)/g))
      expect(scripts).toHaveProperty([name]);
    for (const [, path = ''] of readme.matchAll(/\]\((?!http)([^)#]+)\)/g)) {
      await expect(
        readFile(join(ROOT, path)).catch((error: NodeJS.ErrnoException) => error.code),
      ).resolves.not.toBe('ENOENT');
    }
    const settings = new Set(describeSettings().map(({ name }) => name));
    const section = readme.split('\n## Go to production\n')[1]?.split('\n## ')[0] ?? '';
    const named = [...section.matchAll(/^\| `([A-Z_]+)`/gm)].map((match) => match[1] ?? '');
    expect(named.length).toBeGreaterThan(3);
    for (const name of named) expect(settings).toContain(name);
  });
});
