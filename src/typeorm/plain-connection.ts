import type { DataSourceOptions } from 'typeorm';

/** Where the database is, and who asks: with replication each has its own. */
const PLACE = [
  'url',
  'host',
  'port',
  'username',
  'password',
  'database',
  'ssl',
  'applicationName',
] as const;
/** Whatever else says how to connect; other options concern only their data source. */
const MANNER = ['applicationName', 'parseInt8', 'driver', 'nativeDriver', 'extra'] as const;
/** So deep that it must be a circle. */
const DEEPEST = 16;

/**
 * How a data source connects to where it writes, for a second one in another thread.
 * @returns undefined when it cannot be told there, because a function or a living object is part of it
 */
export function connectionOf(
  options: DataSourceOptions,
): Readonly<Record<string, unknown>> | undefined {
  const given: Readonly<Record<string, unknown>> = { ...options };
  const replication = given['replication'] as { readonly master?: object } | undefined;
  const place: Readonly<Record<string, unknown>> = { ...(replication?.master ?? options) };
  const connection: Record<string, unknown> = {};
  for (const name of PLACE) if (place[name] !== undefined) connection[name] = place[name];
  for (const name of MANNER) if (given[name] !== undefined) connection[name] = given[name];
  try {
    return copyOf(connection, 0) as Readonly<Record<string, unknown>>;
  } catch (error) {
    if (error instanceof LivingError) return undefined;
    throw error;
  }
}

/** Something that has no copy. */
class LivingError extends Error {
  override readonly name = 'LivingError';
}

/** Also of what is hidden from being listed: `pg` hides keys and passwords. */
function copyOf(value: unknown, depth: number): unknown {
  if (typeof value === 'function' || typeof value === 'symbol' || depth > DEEPEST)
    throw new LivingError();
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map((each) => copyOf(each, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw new LivingError();
  return Object.fromEntries(
    Object.getOwnPropertyNames(value).map((name) => [
      name,
      copyOf((value as Readonly<Record<string, unknown>>)[name], depth + 1),
    ]),
  );
}
