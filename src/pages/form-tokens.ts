import { Injectable } from '@nestjs/common';

import { SealedValues } from '../keys/sealed-values.js';
import { isJsonObject } from '../oauth/claims.js';
import { Clock } from '../oauth/clock.js';
import { InvalidRequestError } from '../oauth/oauth-error.js';
import type { RequestParameters } from '../oauth/request-parameters.js';
import type { Visitor } from './visitors.js';

/** The name of the hidden field. */
export const FORM_TOKEN = 'form_token';
const PURPOSE = 'form';
/** Milliseconds that somebody may look at a form. */
const LIFETIME = 60 * 60_000;

/**
 * Proves that a form was shown by us at this browser, in this session: against requests that another
 * site sends in the person's name, also to sign them in as somebody else.
 */
@Injectable()
export class FormTokens {
  constructor(
    private readonly values: SealedValues,
    private readonly clock: Clock,
  ) {}

  /** @param about what the form shows that must not change until it is sent */
  make(form: string, { browserHash, person }: Visitor, about = ''): string {
    return this.values.seal(PURPOSE, {
      form,
      about,
      browser: browserHash,
      sid: person?.session.sid ?? '',
      until: this.clock.now() + LIFETIME,
    });
  }

  /** Whether the parameters come of a form that was made for this. */
  isOurs(
    form: string,
    { browserHash, person }: Visitor,
    parameters: RequestParameters,
    about = '',
  ): boolean {
    const value = this.values.open(PURPOSE, parameters.get(FORM_TOKEN) ?? '');
    return (
      isJsonObject(value) &&
      value['form'] === form &&
      value['about'] === about &&
      value['browser'] === browserHash &&
      value['sid'] === (person?.session.sid ?? '') &&
      Number(value['until']) > this.clock.now()
    );
  }
}

/** A form that another site made up, or that was looked at for too long. */
export function staleForm(): InvalidRequestError {
  return new InvalidRequestError('form_stale', 'This form is too old. Open the page again.');
}
