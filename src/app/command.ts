import type { Logger } from 'pino';

import { runAuditCommand } from './audit-command.js';
import {
  ConfigurationError,
  describeSettings,
  readConfiguration,
  type Configuration,
} from './configuration.js';
import { migrateDatabase, StartError } from './database.js';
import { KeySealError } from '../keys/key-seal.js';
import { DataDirectoryInUseError } from '../embedded/data-directory.js';
import { EmbeddedDatabaseError } from '../embedded/embedded-database-error.js';
import { makeLogger } from './logging.js';
import { runPolicyCommand } from './policy-command.js';
import { startService } from './service.js';

const USAGE = `Usage: nest-token-exchange [command]

  start     start the service (the default)
  migrate   bring the database up to date
  settings  list every setting of the environment
  policy    plan, apply or export the policies of a running service
  audit     verify or export the ledger of a running service, or retire records
`;

const TERMINAL = {
  out: (text: string) => void process.stdout.write(text),
  error: (text: string) => void process.stderr.write(text),
};

/**
 * Runs one command of the command line.
 * @returns the exit code; `start` resolves when the service has stopped
 */
export async function runCommand(words: readonly string[]): Promise<number> {
  const [command = 'start', ...rest] = words;
  if (command === 'audit') return runAuditCommand(rest, TERMINAL);
  if (command === 'policy') return runPolicyCommand(rest, TERMINAL);
  if (rest.length > 0 || !['start', 'migrate', 'settings'].includes(command)) {
    process.stderr.write(USAGE);
    return 2;
  }
  if (command === 'settings') {
    process.stdout.write(
      describeSettings()
        .map(({ name, meaning }) => `${name}\n    ${meaning}\n`)
        .join(''),
    );
    return 0;
  }
  try {
    const configuration = readConfiguration();
    const logger = makeLogger(configuration.logLevel);
    await (command === 'migrate' ? migrate(configuration, logger) : start(configuration, logger));
    return 0;
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    return 1;
  }
}

async function migrate(configuration: Configuration, logger: Logger): Promise<void> {
  await migrateDatabase(configuration, {
    info: (text) => logger.info(text),
    warn: (text) => logger.warn(text),
  });
}

async function start(configuration: Configuration, logger: Logger): Promise<void> {
  const signalled = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
  const service = await startService(configuration, logger, (text) =>
    process.stdout.write(`${text}\n`),
  );
  await signalled;
  await service.stop();
  logger.flush();
}

/** Mistakes whose message says what to do. */
const KNOWN_MISTAKES = [
  ConfigurationError,
  DataDirectoryInUseError,
  EmbeddedDatabaseError,
  StartError,
];
const IN_USE = 'EADDRINUSE';

/** What a person at the terminal should read: a known mistake without a stack trace. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (KNOWN_MISTAKES.some((kind) => error instanceof kind)) return error.message;
  if (error instanceof KeySealError) {
    return `${error.message}. Is KEY_ENCRYPTION_KEY the one that the database was made with?`;
  }
  const { code } = error as NodeJS.ErrnoException;
  if (code === IN_USE) return `${error.message}. Stop what listens there, or set PORT.`;
  return error.stack ?? error.message;
}
