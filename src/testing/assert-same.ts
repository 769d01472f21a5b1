import assert from 'node:assert/strict';

/** Asserts that both are the same data, whatever classes or realms an adapter's objects are of. */
export function assertSame(actual: unknown, expected: unknown, message?: string): void {
  assert.deepEqual(plain(actual), plain(expected), message);
}

function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
