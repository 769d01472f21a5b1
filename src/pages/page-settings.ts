/** A path without its last slash, or nothing. */
const BASE_PATH = /^(?:\/[A-Za-z0-9\-._~]+)*$/;

/** What a deployment decides about the pages for people. */
export class PageSettings {
  /** Whose pages they are, as people read it beside the logo. */
  readonly brandName: string;
  /** A folder with the deployment's own look and words; see `Theme`. */
  readonly themeDir: string | undefined;
  /** Goes before every path of ours, for a proxy that strips it, such as `/identity`. */
  readonly basePath: string;

  constructor(settings: Partial<PageSettings> = {}) {
    this.brandName = settings.brandName ?? 'nest-token-exchange';
    this.themeDir = settings.themeDir;
    this.basePath = settings.basePath ?? '';
    if (!BASE_PATH.test(this.basePath))
      throw new Error('The base path of the pages must begin with a slash and end without one.');
  }
}
