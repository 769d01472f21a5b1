/** The fields that a request names; a class-made object has the others as undefined. */
export function namedFields<T extends object>(fields: T): Partial<T> {
  const named = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(named) as Partial<T>;
}
