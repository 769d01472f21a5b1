import { parseArgs } from 'node:util';

import { z } from 'zod';

import type { JsonObject } from '../oauth/claims.js';
import { AdminClient, RefusedFieldsError } from './admin-client.js';
import { readCredentials, type AccessWords } from './admin-credentials.js';
import { CommandMistake } from './command-mistake.js';
import { ConfigurationError, readAdministrationSettings } from './configuration.js';
import { PolicyFile, policyFileText } from './policy-file.js';
import { PLAN, planText, sizeOf } from './policy-plan-text.js';

const USAGE = `Usage: nest-token-exchange policy <plan | apply | export> [options]

  plan    say what would be written; exits with 2 when something would be
  apply   write it
  export  print what is stored as a file

  --file FILE     the policies, in YAML; default: policies.yaml
  --prune         remove what is stored and not in the file
  --server URL    where the service runs; default: ISSUER, or that of the demo
  --client ID     who administrates; default: admin_cli
  --demo FILE     a demo.json with the secret; default: ADMIN_SECRET, or that under DATA_DIR
`;

const ACCESS = {
  server: { type: 'string' },
  client: { type: 'string' },
  demo: { type: 'string' },
} as const;
const FILE = {
  file: { type: 'string', default: 'policies.yaml' },
  prune: { type: 'boolean', default: false },
} as const;

const PAGE = z.object({
  items: z.array(z.record(z.string(), z.json())),
  next: z.string().nullable(),
});

/** Where a command writes to. */
export interface Terminal {
  /** What was asked for. */
  out(text: string): void;
  /** What is wrong. */
  error(text: string): void;
}

/**
 * Plans, applies or exports the policies of a running service.
 * @param environment the settings; this process's own when absent
 * @returns the exit code: 0 when it was done, 1 for a mistake, 2 for a plan with something to do
 */
export async function runPolicyCommand(
  words: readonly string[],
  terminal: Terminal,
  environment?: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  try {
    const [action = '', ...rest] = words;
    const args = [...rest];
    if (action === 'export') {
      const { values } = parseArgs({ args, options: ACCESS });
      const client = await signIn(values, 'policies:read', environment);
      terminal.out(policyFileText(await storedPolicies(client)));
      return 0;
    }
    if (action !== 'plan' && action !== 'apply') throw new CommandMistake(USAGE.trimEnd());
    const { values } = parseArgs({ args, options: { ...ACCESS, ...FILE } });
    const file = await PolicyFile.read(values.file);
    const scope = action === 'apply' ? 'policies:read policies:write' : 'policies:read';
    const client = await signIn(values, scope, environment);
    return await bring(client, file, { ...values, isApplied: action === 'apply' }, terminal);
  } catch (error) {
    terminal.error(`${explain(error)}\n`);
    return 1;
  }
}

async function bring(
  client: AdminClient,
  file: PolicyFile,
  { prune, isApplied }: { readonly prune: boolean; readonly isApplied: boolean },
  terminal: Terminal,
): Promise<number> {
  try {
    const wanted = { policies: file.policies, prune };
    const plan = await client.post('/policies/plan', PLAN, wanted);
    terminal.out(planText(plan));
    if (!isApplied) return sizeOf(plan) > 0 ? 2 : 0;
    if (sizeOf(plan) === 0) return 0;
    await client.post('/policies/apply', PLAN, { ...wanted, expected: plan.digest });
    terminal.out('Applied.\n');
    return 0;
  } catch (error) {
    if (error instanceof RefusedFieldsError) throw new CommandMistake(file.explain(error.problems));
    throw error;
  }
}

async function signIn(
  words: AccessWords,
  scope: string,
  environment: Readonly<Record<string, string | undefined>> | undefined,
): Promise<AdminClient> {
  const settings = readAdministrationSettings(environment);
  return AdminClient.signIn(await readCredentials(words, settings), scope);
}

async function storedPolicies(client: AdminClient): Promise<readonly JsonObject[]> {
  const policies: JsonObject[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const query = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: z.infer<typeof PAGE> = await client.get(`/policies?limit=200${query}`, PAGE);
    policies.push(...page.items);
    cursor = page.next;
  }
  return policies;
}

/** A mistake as its sentence; what nobody foresaw with the place where it happened. */
function explain(error: unknown): string {
  if (error instanceof CommandMistake || error instanceof ConfigurationError) return error.message;
  const { code = '', message, stack = message } = error as NodeJS.ErrnoException;
  return code.startsWith('ERR_PARSE_ARGS') ? `${message}\n\n${USAGE.trimEnd()}` : stack;
}
