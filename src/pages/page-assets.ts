import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { Injectable } from '@nestjs/common';

import { PageSettings } from './page-settings.js';
import { Theme } from './theme.js';

const ASSETS = new URL('./assets/', import.meta.url);

const TYPES = {
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
} as const;

/** A file that the pages load. */
export interface PageAsset {
  readonly type: string;
  readonly body: Buffer;
  /** Of its content: another content has another address. */
  readonly version: string;
}

/** The files that the pages load, read once at the start: nothing else is ever served. */
@Injectable()
export class PageAssets {
  readonly #assets: ReadonlyMap<string, PageAsset>;

  constructor(
    theme: Theme,
    private readonly settings: PageSettings,
  ) {
    this.#assets = new Map([
      ['tokens.css', made('css', ours('tokens.css'))],
      ['pages.css', made('css', ours('pages.css'))],
      ['account.css', made('css', ours('account.css'))],
      ['logo.svg', made('svg', theme.logo?.text ?? ours('logo.svg'))],
      ...(theme.style === undefined ? [] : [['theme.css', made('css', theme.style.text)] as const]),
    ]);
  }

  /** Undefined when there is none of this name. */
  find(name: string): PageAsset | undefined {
    return this.#assets.get(name);
  }

  /** Where a page finds it; undefined when there is none of this name. */
  address(name: string): string | undefined {
    const asset = this.find(name);
    return asset && `${this.settings.basePath}/assets/${name}?v=${asset.version}`;
  }
}

function ours(name: string): string {
  return readFileSync(new URL(name, ASSETS), 'utf8');
}

function made(type: keyof typeof TYPES, text: string): PageAsset {
  const body = Buffer.from(text);
  const version = createHash('sha256').update(body).digest('base64url').slice(0, 16);
  return { type: TYPES[type], body, version };
}
