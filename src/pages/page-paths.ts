import { Injectable } from '@nestjs/common';

import { PageSettings } from './page-settings.js';

/** Where the pages are, as the browser sees them. */
@Injectable()
export class PagePaths {
  constructor(private readonly settings: PageSettings) {}

  /** The path of a page, behind the base path of this service. */
  to(path: string, query: Readonly<Record<string, string>> = {}): string {
    const text = new URLSearchParams(query).toString();
    return `${this.settings.basePath}${path}${text === '' ? '' : `?${text}`}`;
  }
}
