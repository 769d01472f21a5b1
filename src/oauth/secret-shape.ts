const LONG_RUN = /[A-Za-z0-9_-]{41,}/;

/**
 * Whether a text may hold a token or a secret: a run of letters and digits as long as the parts of a
 * JWT and the secrets that are made here, and longer than a UUID. Such a text is neither logged nor
 * recorded, whichever field it came in.
 */
export function looksLikeSecret(text: string): boolean {
  return LONG_RUN.test(text);
}
