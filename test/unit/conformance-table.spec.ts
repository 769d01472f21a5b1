import { readFileSync } from 'node:fs';

import { describe, expect, it } from '@jest/globals';

const ROOT = new URL('../../', import.meta.url);
const table = readFileSync(new URL('docs/conformance.md', ROOT), 'utf8');

/** The cells of every row, without headings. */
const rows = table
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (?:-|module|what)/.test(line))
  .map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );

/** Every test that a row names: its file in `test/protocol` and its title. */
const named = rows.flatMap((cells) =>
  [...(cells.at(-1) ?? '').matchAll(/`([\w-]+\.spec\.ts)`: "([^"]+)"/g)].map(
    ([, file = '', title = '']): readonly [string, string] => [file, title],
  ),
);

/** The titles in a file: text in quotes that stands where `it` has its title. */
function titlesIn(file: string): ReadonlySet<string> {
  const text = readFileSync(new URL(`test/protocol/${file}`, ROOT), 'utf8');
  const title = /(?:\bit|\))\(\s*(?:'([^'\n]*)'|"([^"\n]*)"|`([^`$]*)`),/g;
  return new Set([...text.matchAll(title)].map(([, one, two, three]) => one ?? two ?? three ?? ''));
}

describe('The table of conformance tests', () => {
  it('names a test in every row, and nothing else in that column', () => {
    expect(rows.length).toBeGreaterThan(50);
    for (const cells of rows)
      expect(cells.at(-1)).toMatch(
        /^`[\w-]+\.spec\.ts`: "[^"]+"(?:, `[\w-]+\.spec\.ts`: "[^"]+")*$/,
      );
  });

  it('names every module once', () => {
    const modules = rows.map(([first = '']) => first).filter((cell) => cell.startsWith('`oidcc-'));
    expect(modules).toHaveLength(38 + 11 + 2);
    expect(new Set(modules).size).toBe(modules.length);
  });

  it('names only tests that are there', () => {
    const titles = new Map(named.map(([file]) => [file, titlesIn(file)]));
    const missing = named.filter(([file, title]) => titles.get(file)?.has(title) !== true);
    expect(missing).toEqual([]);
  });
});
