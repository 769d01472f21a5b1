// Runs before `npm start` and after `npm install`: builds when `dist` is missing or older than the
// source, and costs a few milliseconds when it is not. With `--if-possible` (the install hook) a
// missing compiler is no error, because an installation without development dependencies has none.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const entry = join(root, 'dist', 'main.js');
const inputs = ['src', 'tsconfig.json', 'tsconfig.build.json', 'nest-cli.json'];

process.exitCode = ensureBuilt(process.argv.includes('--if-possible'));

function ensureBuilt(ifPossible) {
  const reason = staleBecause();
  if (!reason) return 0;

  const nest = compiler();
  if (nest) {
    process.stderr.write(`${reason}; building\n`);
    const { status } = spawnSync(process.execPath, [nest, 'build'], {
      cwd: root,
      stdio: 'inherit',
    });
    // npm makes the command executable when it installs; a later build writes the file anew.
    if (status === 0) chmodSync(entry, 0o755);
    return status ?? 1;
  }
  if (ifPossible) return 0;
  process.stderr.write(
    `${reason}, and the compiler is not installed.\n` +
      'It is a development dependency: run `npm ci` (without --omit=dev) and `npm run build`.\n' +
      'The built `dist` folder then runs with production dependencies alone.\n',
  );
  return 1;
}

/** Why the build cannot be used as it is, or nothing when it can. */
function staleBecause() {
  if (!existsSync(join(root, 'src'))) return undefined;
  if (!existsSync(entry)) return 'dist/main.js is missing';
  const built = statSync(entry).mtimeMs;
  const newer = inputs.some((input) => newest(join(root, input)) > built);
  return newer ? 'dist is older than the source' : undefined;
}

/** The latest modification below a path, in milliseconds; 0 where there is nothing. */
function newest(path) {
  if (!existsSync(path)) return 0;
  const status = statSync(path);
  if (!status.isDirectory()) return status.mtimeMs;
  const children = readdirSync(path).map((name) => newest(join(path, name)));
  return Math.max(status.mtimeMs, ...children);
}

/** The Nest command line, when it is installed. */
function compiler() {
  try {
    const require = createRequire(import.meta.url);
    const manifest = require.resolve('@nestjs/cli/package.json');
    require.resolve('typescript');
    return join(manifest, '..', require(manifest).bin.nest);
  } catch {
    return undefined;
  }
}
