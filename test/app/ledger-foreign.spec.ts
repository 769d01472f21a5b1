import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { noteKeyOf, verifierKeyText } from '../../src/audit/ledger/signed-note.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { buildForeignVerifier } from '../support/foreign-verifier.js';
import { RunningService, tokenOf } from '../support/running-service.js';

const folder = await mkdtemp(join(tmpdir(), 'nest-token-exchange-foreign-'));
const { program, missing } = await buildForeignVerifier(folder);
/** More than fill a tile. */
const LEAVES = 300;

let database: TestDatabase | undefined;
let service: RunningService;
let secret: string;
let token: string;
let key: string;

beforeAll(async () => {
  if (program === undefined) return;
  database = await createTestDatabase();
  service = await RunningService.start({ DATABASE_URL: database.url, LOG_LEVEL: 'warn' });
  secret = await service.demoSecret('admin_cli');
  token = await signIn();
  await checkpointOf(1);
  const older = await service.send('/ledger/checkpoint');
  await writeFile(join(folder, 'older'), older.text);
  key = (await service.send('/ledger/keys')).text.trim();
  const crowd = Array.from({ length: 20 }, async () => {
    for (let count = 0; count < LEAVES / 20; count += 1) await signIn();
  });
  await Promise.all(crowd);
  await checkpointOf(LEAVES);
}, 60_000);

afterAll(async () => {
  await service?.remove();
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

async function signIn(): Promise<string> {
  const grant = { grant_type: GrantType.ClientCredentials, scope: 'audit:read' };
  return tokenOf(await service.token(grant, 'admin_cli', secret));
}

/** Waits for a checkpoint of at least so many leaves. */
async function checkpointOf(size: number): Promise<void> {
  for (;;) {
    const { text } = await service.send('/ledger/checkpoint');
    if (Number(text.split('\n')[1]) >= size) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function verify(flags: readonly string[] = []): Promise<{ code: unknown; out: string }> {
  const words = ['-url', service.url, '-key', key, '-older', join(folder, 'older'), ...flags];
  const env = { LEDGER_TOKEN: token };
  return new Promise((resolve) =>
    execFile(program ?? '', words, { env, timeout: 25_000 }, (error, out) =>
      resolve({ code: error === null ? 0 : error.code, out }),
    ),
  );
}

const there = missing === undefined ? it : it.skip;

describe(`A verifier made of golang.org/x/mod${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  there.each([
    ['checkpoint', /^checkpoint: invalid signature/],
    ['tile', /^tiles: downloaded inconsistent tile/],
    ['entries', /^entries: leaf \d+ is/],
    ['inclusion', /^inclusion: invalid transparency proof/],
    ['consistency', /^consistency: invalid transparency proof/],
  ])('refuses a changed bit of %s', async (part, reason) => {
    const { code, out } = await verify(['-flip', part]);
    expect(code).toBe(1);
    expect(out).toMatch(reason);
  });

  there('refuses the key of another log', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const other = verifierKeyText(noteKeyOf('localhost:4000/ledger', privateKey));
    const { code, out } = await verify(['-key', other]);
    expect(code).toBe(1);
    expect(out).toMatch(/^older checkpoint: note has no verifiable signatures/);
  });

  there('verifies checkpoints, tiles, leaves and proofs of a running service', async () => {
    const { code, out } = await verify();
    expect(code).toBe(0);
    expect(out).toMatch(/^3\d\d leaves of localhost:4000\/ledger, continuing \d+\n$/);
  });
});
