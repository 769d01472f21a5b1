import { InvalidRequestError } from './oauth-error.js';

/** The only parameters that may repeat (RFC 8693 section 2.1, RFC 8707 section 2). */
export const REPEATABLE: ReadonlySet<string> = new Set(['resource', 'audience']);

/** The parameters of a request after the strict reader: empty values are absent, only lists repeat. */
export class RequestParameters {
  constructor(
    private readonly single: ReadonlyMap<string, string>,
    private readonly lists: ReadonlyMap<string, readonly string[]>,
  ) {}

  /** From what `entries` gave. */
  static of(entries: readonly (readonly [name: string, value: string])[]): RequestParameters {
    const lists = new Map<string, string[]>();
    for (const [name, value] of entries) {
      if (REPEATABLE.has(name)) lists.set(name, [...(lists.get(name) ?? []), value]);
    }
    return new RequestParameters(new Map(entries.filter(([name]) => !REPEATABLE.has(name))), lists);
  }

  /** Every name with its value; those that repeat come several times. */
  entries(): readonly (readonly [name: string, value: string])[] {
    const lists = [...this.lists].flatMap(([name, values]) =>
      values.map((value) => [name, value] as const),
    );
    return [...this.single, ...lists];
  }

  /** The same with another value of a parameter that does not repeat. */
  with(name: string, value: string): RequestParameters {
    return new RequestParameters(new Map([...this.single, [name, value]]), this.lists);
  }

  /** The value of a parameter, or undefined. */
  get(name: string): string | undefined {
    return this.single.get(name);
  }

  /** Every value of a parameter that may repeat: `resource` and `audience`. */
  all(name: 'resource' | 'audience'): readonly string[] {
    return this.lists.get(name) ?? [];
  }

  /** @throws InvalidRequestError when it is absent */
  require(name: string): string {
    const value = this.single.get(name);
    if (value === undefined)
      throw new InvalidRequestError('missing_parameter', `The parameter ${name} is missing.`);
    return value;
  }
}
