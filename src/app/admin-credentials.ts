import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import type { AdminCredentials } from './admin-client.js';
import { CommandMistake } from './command-mistake.js';
import { isLoopback, type AdministrationSettings } from './configuration.js';

/** What the command line says of where and who. */
export interface AccessWords {
  readonly server?: string | undefined;
  readonly client?: string | undefined;
  readonly demo?: string | undefined;
}

const DEMO = z.object({
  issuer: z.string(),
  clients: z.array(z.object({ clientId: z.string(), clientSecret: z.string().optional() })),
});

/**
 * Where the service runs, and who administrates it: by `--demo`, or the secret in the environment,
 * or the demo of development.
 * @throws CommandMistake when one of them is not known
 */
export async function readCredentials(
  { server, client: clientId = 'admin_cli', demo }: AccessWords,
  settings: AdministrationSettings,
): Promise<AdminCredentials> {
  if (demo === undefined && settings.secret !== undefined) {
    const where = server ?? settings.issuer;
    if (where === undefined)
      throw new CommandMistake('Say where the service runs, with --server or ISSUER.');
    return { server: checkedServer(where), clientId, secret: settings.secret };
  }
  const path = demo ?? join(settings.dataDir, 'demo.json');
  const { issuer, clients } = await readDemo(path, demo !== undefined);
  const secret = clients.find((each) => each.clientId === clientId)?.clientSecret;
  if (secret === undefined)
    throw new CommandMistake(`The file ${path} has no secret of the client ${clientId}.`);
  return { server: checkedServer(server ?? issuer), clientId, secret };
}

async function readDemo(path: string, isNamed: boolean): Promise<z.infer<typeof DEMO>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const what = isNamed
      ? `The file ${path} cannot be read.`
      : `Set ADMIN_SECRET to the secret of the client, or name a demo.json with --demo: there is none at ${path}.`;
    throw new CommandMistake(what, { cause });
  }
  try {
    return DEMO.parse(JSON.parse(text));
  } catch {
    // Without the cause, which quotes the file.
    throw new CommandMistake(`The file ${path} is not a demo.json of this service.`);
  }
}

/** The address without a slash at its end; the secret goes there, so that it must be https. */
function checkedServer(server: string): string {
  const mistake = new CommandMistake(
    'The address of the service must be an https URL, or http on loopback, without query or user.',
  );
  if (!URL.canParse(server)) throw mistake;
  const { protocol, hostname, origin, pathname, search, hash, username, password } = new URL(
    server,
  );
  const isSafe = protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
  if (!isSafe || search !== '' || hash !== '' || username !== '' || password !== '') throw mistake;
  return `${origin}${pathname}`.replace(/\/+$/, '');
}
