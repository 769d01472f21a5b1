import { readdirSync, readFileSync } from 'node:fs';

import { Injectable } from '@nestjs/common';
import { createInstance, type i18n } from 'i18next';

import { Markup, toHtml } from './markup.js';
import { chooseLanguage } from './page-language.js';
import { PageNumbers } from './page-numbers.js';
import { Theme, ThemeError, type ThemeFile } from './theme.js';

const LOCALES = new URL('./locales/', import.meta.url);
const PLACEHOLDER = /\{\{(\w+)\}\}/g;

/** The language with every text, which stands in for what another one lacks. */
const FALLBACK = 'en';

/** Texts of a theme's own: of its templates, its scopes and its roles. */
const OWN_TEXT = /^(?:theme|scope|role)\./;

type Texts = Readonly<Record<string, string>>;

/** What goes into the places of a text. */
export type TextValues = Readonly<Record<string, string | number | Markup>>;

/** Every word on the pages, in every language. The languages are those of the files, and no more. */
@Injectable()
export class PageTexts {
  readonly #i18n: i18n;
  readonly #numbers: ReadonlyMap<string, PageNumbers>;

  constructor(theme: Theme) {
    const languages = new Map<string, Texts>(
      readdirSync(LOCALES).map((file) => [file.replace(/\.json$/, ''), readOurs(file)]),
    );
    const english = languages.get(FALLBACK) ?? {};
    for (const [name, file] of theme.locales) {
      const language = languageOf(name, file);
      languages.set(language, { ...languages.get(language), ...readTheirs(file, english) });
    }
    this.#numbers = new Map(
      Array.from(languages.keys(), (language) => [language, new PageNumbers(language)]),
    );
    this.#i18n = createInstance();
    void this.#i18n.init({
      initAsync: false,
      lng: FALLBACK,
      fallbackLng: FALLBACK,
      load: 'currentOnly',
      keySeparator: false,
      nsSeparator: false,
      resources: Object.fromEntries(
        Array.from(languages, ([language, translation]) => [language, { translation }]),
      ),
    });
  }

  /** The language for a reader, from the tags they prefer, best first. */
  choose(preferred: readonly string[]): string {
    return chooseLanguage(preferred, Array.from(this.#numbers.keys()), FALLBACK);
  }

  has(language: string, key: string): boolean {
    return this.#i18n.exists(key, { lng: language });
  }

  /**
   * A text as markup. Values are escaped and isolated, so that a name in another direction, or one
   * made to confuse, moves nothing around it.
   * @throws Error when there is no such text, or a value is missing
   */
  write(language: string, key: string, values: TextValues = {}): Markup {
    if (!this.has(language, key)) throw new Error(`There is no text ${key}.`);
    const text = this.#i18n.t(key, { lng: language, skipInterpolation: true });
    const html = toHtml(text).replaceAll(PLACEHOLDER, (_, name: string) => {
      const value = Object.hasOwn(values, name) ? values[name] : undefined;
      if (value === undefined) throw new Error(`The text ${key} needs a value for ${name}.`);
      const shown = typeof value === 'number' ? this.numbers(language).number(value) : value;
      return `<bdi>${toHtml(shown)}</bdi>`;
    });
    return new Markup(html);
  }

  /** How a language writes numbers and times. */
  numbers(language: string): PageNumbers {
    const numbers = this.#numbers.get(language);
    if (numbers === undefined) throw new Error(`The language ${language} is not there.`);
    return numbers;
  }
}

function readOurs(file: string): Texts {
  return JSON.parse(readFileSync(new URL(file, LOCALES), 'utf8')) as Texts;
}

function languageOf(name: string, file: ThemeFile): string {
  try {
    return new Intl.Locale(name).toString();
  } catch (error) {
    throw new ThemeError(file.path, `${name} is no language tag (BCP 47)`, { cause: error });
  }
}

function readTheirs({ path, text }: ThemeFile, english: Texts): Texts {
  const texts = Object.entries(parse(path, text)).map(([key, value]): [string, string] => {
    const ours = Object.hasOwn(english, key) ? english[key] : undefined;
    if (ours === undefined && !OWN_TEXT.test(key))
      throw new ThemeError(path, `there is no text ${key}`);
    if (typeof value !== 'string' || value === '')
      throw new ThemeError(path, `${key} must be a text`);
    const strange = placesOf(value).filter((place) => !placesOf(ours ?? value).includes(place));
    if (strange.length > 0) throw new ThemeError(path, `${key} has no place for ${strange[0]}`);
    return [key, value];
  });
  return Object.fromEntries(texts);
}

function parse(path: string, text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ThemeError(path, 'it is no JSON', { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ThemeError(path, 'it must be one object of texts');
  return value;
}

function placesOf(text: string): readonly string[] {
  return Array.from(text.matchAll(PLACEHOLDER), ([, name]) => name ?? '');
}
