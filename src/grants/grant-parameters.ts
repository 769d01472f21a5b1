import { InvalidRequestError } from '../oauth/oauth-error.js';

/** The form of a token request after the strict reader: empty values are absent, only lists repeat. */
export class GrantParameters {
  constructor(
    private readonly single: ReadonlyMap<string, string>,
    private readonly lists: ReadonlyMap<string, readonly string[]>,
  ) {}

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
