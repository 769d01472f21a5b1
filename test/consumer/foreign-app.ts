import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's own folder: where the tarball comes from. */
export const PROJECT = resolve('.');

const NAME = 'nest-token-exchange';
const TSC = createRequire(import.meta.url).resolve('typescript/bin/tsc');

/** What a host installs itself, besides our tarball. */
const HOST_PACKAGES = [
  '@nestjs/common',
  '@nestjs/core',
  '@nestjs/platform-express',
  '@types/node',
  'reflect-metadata',
  'rxjs',
];

/** How a process ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; the caller judges its exit code. */
export function run(
  program: string,
  args: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return new Promise((settle) => {
    const options = { cwd, env: { ...process.env, ...environment }, maxBuffer: 64 * 1024 * 1024 };
    execFile(program, args, options, (error, stdout, stderr) => {
      const code = typeof error?.code === 'number' ? error.code : error ? -1 : 0;
      settle({ code, stdout, stderr });
    });
  });
}

/**
 * Packs the project, as it would be published. The build is not part of it: building here, by the
 * `prepack` script, would take `dist` away from the test files that run at the same time.
 * @returns the tarball
 */
export async function pack(folder: string): Promise<string> {
  const built = await run(process.execPath, ['scripts/ensure-built.js'], PROJECT);
  if (built.code !== 0) throw new Error(built.stderr);
  const args = ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder];
  const packed = await run('npm', args, PROJECT);
  if (packed.code !== 0) throw new Error(packed.stderr);
  return join(folder, packed.stdout.trim());
}

/** Whether an application is made of ECMAScript modules or of CommonJS ones. */
export type ModuleKind = 'module' | 'commonjs';

/**
 * An application of somebody else that has our tarball installed.
 *
 * Its packages are laid out the way a strict package manager does it, without a registry: our
 * package is really unpacked, and everything else is a link into the project's own packages. It
 * takes no time, needs no network, and is stricter than `npm install`, which hoists everything into
 * one folder: our files see, next to them, exactly the `dependencies` of our manifest, and the
 * application sees only what a host installs, our peers among them. What is imported and not
 * declared is not found.
 */
export class ForeignApp {
  private constructor(readonly folder: string) {}

  static async install(folder: string, kind: ModuleKind, tarball: string): Promise<ForeignApp> {
    const app = new ForeignApp(folder);
    await mkdir(app.package, { recursive: true });
    const unpacked = await run('tar', ['-xzf', tarball, '--strip-components=1'], app.package);
    if (unpacked.code !== 0) throw new Error(unpacked.stderr);
    const { dependencies } = await app.manifest();
    await link(join(folder, 'node_modules'), HOST_PACKAGES);
    await link(join(app.package, 'node_modules'), Object.keys(dependencies));
    const manifest = { name: 'foreign-app', private: true, type: kind };
    await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
    return app;
  }

  /** Our package, where it is installed. */
  get package(): string {
    return join(this.folder, 'node_modules', NAME);
  }

  async manifest(): Promise<Manifest> {
    return JSON.parse(await readFile(join(this.package, 'package.json'), 'utf8')) as Manifest;
  }

  /** Takes a source file of the folder `app`, or a text, as one of its own. */
  async add(name: string, text?: string): Promise<void> {
    const to = join(this.folder, name);
    if (text === undefined) await cp(fileURLToPath(new URL(`app/${name}`, import.meta.url)), to);
    else await writeFile(to, text);
  }

  /** Runs a compiled file. */
  async run(
    file: string,
    args: readonly string[] = [],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<Ended> {
    return run(process.execPath, [file, ...args], this.folder, environment);
  }

  /**
   * Runs a compiled file and lists every script that the engine executed meanwhile, whichever way
   * it was loaded: V8's own coverage, which knows no difference between `import`, `require` and
   * `import()`, and which no cache hides anything from.
   */
  async runTraced(file: string): Promise<Traced> {
    const folder = join(this.folder, `coverage-${file}`);
    const ended = await this.run(file, [], { NODE_V8_COVERAGE: folder });
    const reports = await Promise.all(
      (await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')),
    );
    const scripts = reports
      .flatMap((text) => (JSON.parse(text) as { result: readonly { url: string }[] }).result)
      .filter(({ url }) => url.startsWith('file:'))
      .map(({ url }) => fileURLToPath(url));
    return { ...ended, scripts };
  }
}

/**
 * Compiles the applications below a folder, all in one run, as `nodenext` and with the declarations
 * of our package checked too.
 * @returns what the compiler says of the applications and of our package: nothing when all is well
 */
export async function compile(folder: string, apps: readonly ModuleKind[]): Promise<string> {
  const compilerOptions = {
    target: 'es2023',
    module: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    types: ['node'],
    typeRoots: apps.slice(0, 1).map((app) => `${app}/node_modules/@types`),
  };
  const include = apps.map((app) => `${app}/*`);
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include }));
  const { stdout, stderr } = await run(
    process.execPath,
    [TSC, '-p', '.', '--pretty', 'false'],
    folder,
  );
  return stderr + stdout.split('\n').filter(isOurs).join('\n');
}

/** The declarations of other packages are not ours to judge. */
function isOurs(line: string): boolean {
  return !line.includes('node_modules/') || line.includes(`node_modules/${NAME}/`);
}

/** How a process ended whose scripts were listed. */
export interface Traced extends Ended {
  readonly scripts: readonly string[];
}

interface Manifest {
  readonly exports: Readonly<
    Record<string, string | { readonly types: string; readonly default: string }>
  >;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

async function link(folder: string, packages: readonly string[]): Promise<void> {
  await Promise.all(
    packages.map(async (name) => {
      const at = join(folder, name);
      await mkdir(dirname(at), { recursive: true });
      await symlink(join(PROJECT, 'node_modules', name), at, 'junction');
    }),
  );
}
