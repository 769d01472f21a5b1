import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Injectable } from '@nestjs/common';

import { PageSettings } from './page-settings.js';

/** A file of a theme that cannot be used; the message names it. */
export class ThemeError extends Error {
  override readonly name = 'ThemeError';

  constructor(file: string, why: string, options?: ErrorOptions) {
    super(`The theme cannot be used: ${file}: ${why}`, options);
  }
}

/** A file of a theme, as text. */
export interface ThemeFile {
  readonly path: string;
  readonly text: string;
}

/**
 * A deployment's own look and words, read once at the start. Its folder may hold
 * - `theme.css`: loaded after our styles; the properties in `assets/tokens.css` are made to be set
 * - `logo.svg`: in the place of our logo
 * - `templates/<page>.eta`: in the place of our template of this name
 * - `locales/<language>.json`: texts over ours, or another language; what it lacks is English
 *
 * Fails with a `ThemeError` when the folder or a file in it cannot be read.
 */
@Injectable()
export class Theme {
  readonly style: ThemeFile | undefined;
  readonly logo: ThemeFile | undefined;
  /** By the name of the template. */
  readonly templates: ReadonlyMap<string, ThemeFile>;
  /** By the name of the file, without its ending. */
  readonly locales: ReadonlyMap<string, ThemeFile>;

  constructor({ themeDir }: PageSettings) {
    if (themeDir === undefined) {
      this.templates = new Map();
      this.locales = new Map();
      return;
    }
    const names = list(themeDir);
    const file = (name: string): ThemeFile | undefined =>
      names.includes(name) ? read(join(themeDir, name)) : undefined;
    const folder = (name: string, ending: string): ReadonlyMap<string, ThemeFile> =>
      names.includes(name) ? readFolder(join(themeDir, name), ending) : new Map();
    this.style = file('theme.css');
    this.logo = file('logo.svg');
    if (this.logo !== undefined && !this.logo.text.includes('<svg'))
      throw new ThemeError(this.logo.path, 'it is no SVG image');
    this.templates = folder('templates', '.eta');
    this.locales = folder('locales', '.json');
  }
}

function readFolder(path: string, ending: string): ReadonlyMap<string, ThemeFile> {
  const files = list(path).map((name): [string, ThemeFile] => {
    const file = join(path, name);
    if (!name.endsWith(ending)) throw new ThemeError(file, `only ${ending} files belong here`);
    return [name.slice(0, -ending.length), read(file)];
  });
  return new Map(files);
}

function list(path: string): readonly string[] {
  try {
    return readdirSync(path).filter((name) => !name.startsWith('.'));
  } catch (error) {
    throw new ThemeError(path, 'it is no folder that can be read', { cause: error });
  }
}

function read(path: string): ThemeFile {
  try {
    return { path, text: new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path)) };
  } catch (error) {
    throw new ThemeError(path, 'it is no UTF-8 text that can be read', { cause: error });
  }
}
