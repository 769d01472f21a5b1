import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';

/** What the compiler writes: `from '...'`, `import '...'`, `import('...')`. */
const SPECIFIER = /(?<!['"])\b(?:from\s*|import\s*\(?\s*)(['"])([^'"\n]+)\1/g;

/**
 * The packages that a built file and all that it imports name, in the code or, for a declaration
 * file, in the types.
 */
export async function packageImports(file: string): Promise<ReadonlySet<string>> {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const read = async (path: string): Promise<void> => {
    if (seen.has(path)) return;
    seen.add(path);
    const text = await readFile(path, 'utf8');
    const specifiers = [...text.matchAll(SPECIFIER)].map(([, , specifier = '']) => specifier);
    const ours = specifiers.filter((specifier) => specifier.startsWith('.'));
    for (const specifier of specifiers) {
      if (!specifier.startsWith('.') && !isBuiltin(specifier)) packages.add(nameOf(specifier));
    }
    const extension = path.endsWith('.d.ts') ? '.d.ts' : '.js';
    const next = (specifier: string) =>
      join(
        dirname(path),
        specifier.replace(/\.js$/, () => extension),
      );
    await Promise.all(ours.map((specifier) => read(next(specifier))));
  };
  await read(file);
  return packages;
}

function nameOf(specifier: string): string {
  const [scope = '', name = ''] = specifier.split('/');
  return scope.startsWith('@') ? `${scope}/${name}` : scope;
}
