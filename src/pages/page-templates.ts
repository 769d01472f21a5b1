import { readdirSync, readFileSync } from 'node:fs';

import { Injectable } from '@nestjs/common';
import { Eta } from 'eta/core';

import { toHtml } from './markup.js';
import type { PageDesk } from './page-desk.js';
import type { PageName } from './page-views.js';
import { PageTexts } from './page-texts.js';
import { Theme, ThemeError } from './theme.js';

const TEMPLATES = new URL('./templates/', import.meta.url);

/** What templates call by its bare name; the rest is a member of `it`. */
const HEADER = 'const { view, t, has, link, asset, time, duration, initial } = it;';

/** A text that a template asks for by its whole key. */
const ASKED_TEXT = /\bt\(\s*'([^']+)'/g;

/** The templates of the pages, ours and the theme's in their place, compiled once. */
@Injectable()
export class PageTemplates {
  readonly #eta = new Eta({ escapeFunction: toHtml, functionHeader: HEADER });

  constructor(theme: Theme, texts: PageTexts) {
    const ours = readdirSync(TEMPLATES).map((file) => file.replace(/\.eta$/, ''));
    for (const name of ours)
      this.#eta.loadTemplate(`@${name}`, readFileSync(new URL(`${name}.eta`, TEMPLATES), 'utf8'));
    for (const [name, { path, text }] of theme.templates) {
      if (!ours.includes(name))
        throw new ThemeError(path, `there is no template ${name}, only ${ours.join(', ')}`);
      for (const [, key = ''] of text.matchAll(ASKED_TEXT))
        if (!texts.has('en', key)) throw new ThemeError(path, `there is no text ${key}`);
      this.#replace(name, path, text);
    }
  }

  fill<P extends PageName>(page: P, desk: PageDesk<P>): string {
    return this.#eta.render(`@${page}`, desk);
  }

  #replace(name: string, path: string, text: string): void {
    try {
      this.#eta.loadTemplate(`@${name}`, text);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new ThemeError(path, why, { cause: error });
    }
  }
}
