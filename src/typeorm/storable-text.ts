const UNSTORABLE = /[\0\p{Surrogate}]/u;

/** Whether PostgreSQL can hold the text as it is: without NUL and without half a surrogate pair. */
export function isStorable(text: string): boolean {
  return !UNSTORABLE.test(text);
}

/** The text with the replacement character for whatever PostgreSQL cannot hold. */
export function storable(text: string): string {
  return isStorable(text) ? text : text.replaceAll(/[\0\p{Surrogate}]/gu, '\u{fffd}');
}
