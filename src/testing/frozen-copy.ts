/**
 * A copy of plain data that shares nothing with it and that nobody can change. Not `structuredClone`:
 * its objects are of another realm where a test framework runs files in contexts of their own.
 */
export function frozenCopy<T>(value: T): T {
  return copy(value) as T;
}

function copy(value: unknown): unknown {
  if (Array.isArray(value)) return Object.freeze(value.map(copy));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, part]) => [name, copy(part)] as const);
  return Object.freeze(Object.fromEntries(entries));
}

/** Ascending by code unit, as a store sorts identifiers, whatever the locale. */
export function ascending(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Ascending by code point, as the bytes of UTF-8 sort. */
export function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
