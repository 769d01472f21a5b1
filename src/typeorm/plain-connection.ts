import type { DataSourceOptions } from 'typeorm';

/** Options that say how to connect; the others say what is kept there, or concern only their data source. */
const NAMES = [
  'url',
  'host',
  'port',
  'username',
  'password',
  'database',
  'ssl',
  'replication',
  'applicationName',
  'parseInt8',
  'driver',
  'nativeDriver',
  'extra',
];

/**
 * How a data source connects, for a second one in another thread.
 * @returns undefined when it cannot be told there, because a function or a living object is part of it
 */
export function connectionOf(
  options: DataSourceOptions,
): Readonly<Record<string, unknown>> | undefined {
  const given = Object.entries(options).filter(
    ([name, value]) => NAMES.includes(name) && value !== undefined,
  );
  return given.every(([, value]) => isPlain(value)) ? Object.fromEntries(given) : undefined;
}

function isPlain(value: unknown): boolean {
  if (typeof value === 'function' || typeof value === 'symbol') return false;
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isKnown = Array.isArray(value) || prototype === Object.prototype || prototype === null;
  return isKnown && Object.values(value).every(isPlain);
}
