import type { ServerResponse } from 'node:http';

import { Injectable } from '@nestjs/common';

import { InvalidRequestError } from '../oauth/oauth-error.js';
import { AuthorizationDesk, type Waiting } from './authorization-desk.js';
import { Interactions } from './interactions.js';
import type { Visitor } from './visitors.js';

/** The waiting authorization request that a page is about, as its URL or its form carries it. */
@Injectable()
export class WaitingRequests {
  constructor(
    private readonly interactions: Interactions,
    private readonly desk: AuthorizationDesk,
  ) {}

  /**
   * @param sealed what was carried; undefined for a page that is about none
   * @returns undefined when it was refused meanwhile and the application was told
   * @throws InvalidRequestError when it is too old or was brought by another browser
   */
  async find(
    sealed: string,
    visitor: Visitor,
    response: ServerResponse,
  ): Promise<Waiting | undefined> {
    const interaction = this.interactions.open(sealed, visitor);
    if (interaction === undefined) {
      throw new InvalidRequestError(
        'form_stale',
        'This sign-in has expired, or was begun in another browser. Start again at the application.',
      );
    }
    return this.desk.look(interaction, visitor, response);
  }
}

/** The languages in which a person should be spoken to, best first. */
export function localesOf(visitor: Visitor, waiting?: Waiting): readonly string[] {
  const own = visitor.person?.account.locale;
  return [
    ...(waiting?.request.uiLocales ?? []),
    ...(typeof own === 'string' ? [own] : []),
    ...visitor.languages,
  ];
}
