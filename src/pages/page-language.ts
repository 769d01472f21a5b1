/** Preferred languages that are looked at; browsers send few. */
const MAX_PREFERRED = 20;

const RIGHT_TO_LEFT = new Set(['Adlm', 'Arab', 'Hebr', 'Mand', 'Nkoo', 'Rohg', 'Syrc', 'Thaa']);

/**
 * The language of a page (RFC 4647 section 3.4): the first preferred tag that is there, as a whole
 * or after its last parts are taken away.
 * @param available tags in their canonical form
 */
export function chooseLanguage(
  preferred: readonly string[],
  available: readonly string[],
  otherwise: string,
): string {
  const known = new Map(available.map((tag) => [tag.toLowerCase(), tag]));
  for (const tag of preferred.slice(0, MAX_PREFERRED)) {
    const parts = tag.toLowerCase().split('-', 8);
    for (let length = parts.length; length > 0; length -= 1) {
      const found = known.get(parts.slice(0, length).join('-'));
      if (found !== undefined) return found;
    }
  }
  return otherwise;
}

/** Which way a language is written. */
export function directionOf(language: string): 'ltr' | 'rtl' {
  return RIGHT_TO_LEFT.has(new Intl.Locale(language).maximize().script ?? '') ? 'rtl' : 'ltr';
}
