import type { Markup } from './markup.js';
import type { TextValues } from './page-texts.js';
import type { PageName, PageViews } from './page-views.js';

/** What a template has at hand. */
export interface PageDesk<P extends PageName> {
  readonly page: P;
  readonly view: PageViews[P];
  readonly language: string;
  readonly direction: 'ltr' | 'rtl';
  readonly brandName: string;

  /** A text in the language of the page. */
  readonly t: (key: string, values?: TextValues) => Markup;
  readonly has: (key: string) => boolean;
  /** A path or an address for `href` and `action`. */
  readonly link: (href: string) => string;
  /** Where a file of ours or of the theme is; undefined when there is none. */
  readonly asset: (name: string) => string | undefined;
  /** A `<time>` for milliseconds since the epoch. */
  readonly time: (milliseconds: number) => Markup;
  /** Seconds in words. */
  readonly duration: (seconds: number) => string;
  /** A letter that stands for a person. */
  readonly initial: (name: string) => string;
}
