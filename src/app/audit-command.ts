import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { z } from 'zod';

import { exportLedger, exportRecords, type LedgerSource } from '../audit/ledger/ledger-export.js';
import type { LedgerReader } from '../audit/ledger/ledger-reader.js';
import { tilePath } from '../audit/ledger/tile.js';
import { LedgerVerifier, type VerifierReport } from '../audit/verifier/ledger-verifier.js';
import {
  notesIn,
  readCheckpointKey,
  type CheckpointKey,
} from '../audit/verifier/signed-checkpoint.js';
import { readWitness } from '../audit/verifier/witness-cosignature.js';
import { AdminClient, RefusedFieldsError } from './admin-client.js';
import { readCredentials } from './admin-credentials.js';
import { FILTER_OPTIONS, filtersOf } from './audit-filters.js';
import { CommandMistake } from './command-mistake.js';
import { ConfigurationError, readAdministrationSettings } from './configuration.js';
import type { Terminal } from './policy-command.js';
import { visible } from './visible-text.js';

const USAGE = `Usage: nest-token-exchange audit <verify | export | key | retire> [options]

  verify  check a ledger with nothing but its public key; exits with 2 when something is wrong
  export  print the ledger of a running service as JSON Lines
  retire  let records go that are older than a time; their hashes stay
  key     print the public key of a running service, to be kept elsewhere

  --key KEY         verify: the verifier key, or a file that holds it
  --file FILE       verify: an export; without it the running service is asked
  --checkpoint FILE verify: checkpoints that were kept from earlier; a folder means every file in
                    it; may be there more than once
  --witness KEY     verify: the verifier key of a witness that must have cosigned, or a file that
                    holds it; may be there more than once
  --chain ID        export: only the records of this chain, each with its proof
  --format FORMAT   export: jsonl, csv, cloudevents or ocsf: what a search finds, newest first
  --subject, --actor, --event, --outcome, --from, --until
                    export with --format: what to look for
  --where NAME=VALUE
                    the same for any other filter of the search, such as client=my_gateway
  --before DATE     retire: all of them are older; ISO 8601, or milliseconds since the epoch
  --plan            retire: only say what would go
  --server URL      where the service runs; default: ISSUER, or that of the demo
  --client ID       who reads; default: admin_cli
  --demo FILE       a demo.json with the secret; default: ADMIN_SECRET, or that under DATA_DIR
`;

const OPTIONS = {
  server: { type: 'string' },
  client: { type: 'string' },
  demo: { type: 'string' },
  key: { type: 'string' },
  file: { type: 'string' },
  checkpoint: { type: 'string', multiple: true },
  witness: { type: 'string', multiple: true },
  chain: { type: 'string' },
  ...FILTER_OPTIONS,
  before: { type: 'string' },
  plan: { type: 'boolean' },
} as const;

const PART = z.union([
  z.object({ salt: z.string(), text: z.string() }),
  z.literal('erased'),
  z.literal('damaged'),
]);
const BUNDLE = z.object({
  leaves: z.array(z.object({ index: z.number(), text: z.string(), parts: z.array(PART) })),
});
const CHECKPOINTS = z.object({ notes: z.array(z.string()), first: z.number() });
const RETIREMENT = z.object({ first: z.number().nullable(), until: z.number().nullable() });
/** The size of no log: so that no checkpoint is sent along. */
const PAST_ALL = 10 ** 15 - 1;
const CHAIN = z.object({ hops: z.array(z.object({ sequence: z.string() })) });

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Verifies or exports the ledger, lets old records go, or prints its public key.
 * @param environment the settings; this process's own when absent
 * @returns the exit code: 0 when all is well, 1 for a mistake, 2 when the ledger is not what it was
 */
export async function runAuditCommand(
  words: readonly string[],
  terminal: Terminal,
  environment?: Environment,
): Promise<number> {
  try {
    const [action = '', ...args] = words;
    const { values } = parseArgs({ args, options: OPTIONS });
    if (action === 'verify') return await verify(values, terminal, environment);
    if (action === 'retire') return await retire(values, terminal, environment);
    if (action !== 'export' && action !== 'key') throw new CommandMistake(USAGE.trimEnd());
    const filters = filtersOf(values);
    const { server, source, chain, found } = await connect(values, environment);
    if (action === 'key') {
      terminal.out(await textAt(`${server}/ledger/keys`));
      return 0;
    }
    if (filters !== undefined) {
      for await (const text of found(filters)) terminal.out(text);
      return 0;
    }
    const lines =
      values.chain === undefined
        ? exportLedger(source)
        : exportRecords(source, await chain(values.chain));
    for await (const line of lines) terminal.out(`${line}\n`);
    return 0;
  } catch (error) {
    terminal.error(`${explain(error)}\n`);
    return 1;
  }
}

interface RetireWords extends VerifyWords {
  readonly before?: string | undefined;
  readonly plan?: boolean | undefined;
}

async function retire(
  words: RetireWords,
  terminal: Terminal,
  environment: Environment | undefined,
): Promise<number> {
  const { before, plan = false } = words;
  if (before === undefined) throw new CommandMistake('Name a time with --before.');
  const settings = readAdministrationSettings(environment);
  const client = await AdminClient.signIn(await readCredentials(words, settings), 'audit:retire');
  const path = `/ledger/retirements${plan ? '/plan' : ''}`;
  const { first, until } = await client.post(path, RETIREMENT, { before });
  if (first === null || until === null) terminal.out('No record is old enough.\n');
  else {
    const range = `Records ${first} to ${until - 1}`;
    terminal.out(`${range} ${plan ? 'would be retired' : 'were retired'}.\n`);
  }
  return 0;
}

interface VerifyWords {
  readonly server?: string | undefined;
  readonly client?: string | undefined;
  readonly demo?: string | undefined;
  readonly key?: string | undefined;
  readonly file?: string | undefined;
  readonly checkpoint?: readonly string[] | undefined;
  readonly witness?: readonly string[] | undefined;
}

async function verify(
  words: VerifyWords,
  terminal: Terminal,
  environment: Environment | undefined,
): Promise<number> {
  if (words.key === undefined) throw new CommandMistake('Name the public key with --key.');
  const verifier = verifierOf(
    await keyIn(words.key, readCheckpointKey),
    (await Promise.all((words.checkpoint ?? []).map(keptIn))).flat(),
    await Promise.all((words.witness ?? []).map((word) => keyIn(word, readWitness))),
  );
  const lines =
    words.file === undefined
      ? exportLedger((await connect(words, environment)).source)
      : linesIn(words.file);
  for await (const line of lines) verifier.add(line);
  const report = verifier.finish();
  terminal.out(reportText(report));
  return report.findings.length > 0 ? 2 : 0;
}

function reportText({ findings, proved, unproved }: VerifierReport): string {
  return (
    list('NOT what was signed:', findings) + list('Proved:', proved) + list('Not proved:', unproved)
  );
}

function list(title: string, items: readonly string[]): string {
  return items.length === 0 ? '' : `${title}\n${items.map((item) => `  - ${item}\n`).join('')}`;
}

function verifierOf(
  key: CheckpointKey,
  older: readonly string[],
  witnesses: readonly CheckpointKey[],
): LedgerVerifier {
  try {
    return new LedgerVerifier(key, older, witnesses);
  } catch (cause) {
    throw new CommandMistake((cause as Error).message, { cause });
  }
}

/** The checkpoints in a file, or in every file of a folder. */
async function keptIn(path: string): Promise<readonly string[]> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const files = isFolder
    ? (await readdir(path, { withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map(({ name }) => join(path, name))
    : [path];
  const notes = (await Promise.all(files.map(textIn))).flatMap(notesIn);
  if (notes.length === 0) throw new CommandMistake(`There is no checkpoint in ${path}.`);
  return notes;
}

async function keyIn(word: string, read: (text: string) => CheckpointKey): Promise<CheckpointKey> {
  const text = word.includes('+') ? word : await textIn(word);
  try {
    return read(text.split('\n')[0] ?? '');
  } catch (cause) {
    throw new CommandMistake((cause as Error).message, { cause });
  }
}

/** One line after the other, so that a long export needs no memory for its text. */
async function* linesIn(file: string): AsyncGenerator<string> {
  let rest = '';
  try {
    // By newlines alone: a record may hold other separators of lines.
    for await (const piece of createReadStream(file, 'utf8') as AsyncIterable<string>) {
      const lines = `${rest}${piece}`.split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (cause) {
    throw new CommandMistake(`The file ${file} cannot be read.`, { cause });
  }
  if (rest !== '') yield rest;
}

async function textIn(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new CommandMistake(`The file ${file} cannot be read.`, { cause });
  }
}

interface Connection {
  readonly server: string;
  readonly source: LedgerSource & Pick<LedgerReader, 'checkpoint'>;
  /** Where the records of a chain are. */
  readonly chain: (chainId: string) => Promise<readonly number[]>;
  /** What an export finds, as it comes. */
  readonly found: (query: URLSearchParams) => AsyncIterable<string>;
}

async function connect(words: VerifyWords, environment?: Environment): Promise<Connection> {
  const settings = readAdministrationSettings(environment);
  const credentials = await readCredentials(words, settings);
  const client = await AdminClient.signIn(credentials, 'audit:read');
  const { server } = credentials;
  return {
    server,
    source: {
      checkpoint: () => textAt(`${server}/ledger/checkpoint`),
      checkpoints: async (from) => {
        const { notes } = await client.get(`/ledger/checkpoints?from=${from}`, CHECKPOINTS);
        return notes;
      },
      first: async () => {
        const { first } = await client.get(`/ledger/checkpoints?from=${PAST_ALL}`, CHECKPOINTS);
        return first;
      },
      tile: async (tile) => Buffer.from(await bytesAt(`${server}/ledger/tile/${tilePath(tile)}`)),
      leaves: async ({ index, width }) => {
        const { leaves } = await client.get(`/ledger/leaves/${index}`, BUNDLE);
        return leaves.slice(0, width);
      },
    },
    chain: async (chainId) => {
      const { hops } = await client.get(`/audit/chains/${encodeURIComponent(chainId)}`, CHAIN);
      return hops.map(({ sequence }) => Number(sequence));
    },
    found: (query) => client.stream(`/audit/export?${query.toString()}`),
  };
}

async function textAt(url: string): Promise<string> {
  return Buffer.from(await bytesAt(url)).toString('utf8');
}

async function bytesAt(url: string): Promise<ArrayBuffer> {
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(30_000) });
  if (response.status !== 200)
    throw new CommandMistake(`The service answers ${response.status} at ${url}.`);
  return response.arrayBuffer();
}

function explain(error: unknown): string {
  if (error instanceof CommandMistake || error instanceof ConfigurationError) return error.message;
  if (error instanceof RefusedFieldsError)
    return error.problems.map(({ field, problem }) => visible(`${field} ${problem}`)).join('\n');
  const { code = '', message, stack = message } = error as NodeJS.ErrnoException;
  return code.startsWith('ERR_PARSE_ARGS') ? `${message}\n\n${USAGE.trimEnd()}` : stack;
}
