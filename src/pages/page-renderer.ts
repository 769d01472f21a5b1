import { Injectable } from '@nestjs/common';

import { Markup, toHtml } from './markup.js';
import { PageAssets } from './page-assets.js';
import type { PageDesk } from './page-desk.js';
import { directionOf } from './page-language.js';
import { PageSettings } from './page-settings.js';
import { PageTemplates } from './page-templates.js';
import { PageTexts } from './page-texts.js';
import type { PageName, PageViews } from './page-views.js';

/** What a page should know of who reads it. */
export interface PageReader {
  /** Language tags (BCP 47), best first: from `ui_locales`, the account and `Accept-Language`. */
  readonly locales: readonly string[];
}

/** A page as it is sent. */
export interface RenderedPage {
  readonly html: string;
  /** For `Content-Language`. */
  readonly language: string;
}

/** Makes the pages for people: whole documents that need no script. */
@Injectable()
export class PageRenderer {
  constructor(
    private readonly settings: PageSettings,
    private readonly templates: PageTemplates,
    private readonly texts: PageTexts,
    private readonly assets: PageAssets,
  ) {}

  /**
   * @param view of this page; every text in it is escaped
   * @throws Error when the view holds an address that no link may have
   */
  render<P extends PageName>(page: P, view: PageViews[P], reader: PageReader): RenderedPage {
    const language = this.texts.choose(reader.locales);
    return { html: this.templates.fill(page, this.#desk(page, view, language)), language };
  }

  #desk<P extends PageName>(page: P, view: PageViews[P], language: string): PageDesk<P> {
    const { brandName, basePath } = this.settings;
    const numbers = this.texts.numbers(language);
    return {
      page,
      view,
      language,
      direction: directionOf(language),
      brandName,
      t: (key, values) => this.texts.write(language, key, values),
      has: (key) => this.texts.has(language, key),
      link: (href) => linkTo(href, basePath),
      asset: (name) => this.assets.address(name),
      time: (milliseconds) => timeOf(milliseconds, numbers.time(milliseconds)),
      duration: (seconds) => numbers.duration(seconds),
      initial: initialOf,
    };
  }
}

/** A path gets the base path before it; an address elsewhere stays, unless it would run or hold something. */
function linkTo(href: string, basePath: string): string {
  if (/^\/(?![/\\])/.test(href)) return basePath + href;
  if (/^(?!javascript:|vbscript:|data:|blob:)[a-z][a-z0-9+.-]*:/i.test(href)) return href;
  throw new Error('A page cannot link there.');
}

function timeOf(milliseconds: number, text: string): Markup {
  const iso = new Date(milliseconds).toISOString();
  return new Markup(`<time datetime="${iso}">${toHtml(text)}</time>`);
}

function initialOf(name: string): string {
  return /[\p{L}\p{N}]/u.exec(name)?.[0].toLocaleUpperCase('und') ?? '•';
}
