import { Injectable } from '@nestjs/common';

import { Clock } from '../oauth/clock.js';
import { FRESH, FreshLookup } from '../oauth/fresh-lookup.js';
import { isAccountId } from './account-rules.js';
import { AccountStore } from './account-store.js';
import type { Account } from './account.js';

/** Accounts as the hot path reads them, at most a second old. Fails with the store. */
@Injectable()
export class AccountDirectory {
  readonly #byId: FreshLookup<Account | null>;

  constructor(store: AccountStore, clock: Clock) {
    this.#byId = new FreshLookup((accountId) => store.find(accountId), clock, FRESH);
  }

  /** The account with this id, or null; what cannot be an id is not looked up. */
  find(accountId: string): Promise<Account | null> {
    return isAccountId(accountId) ? this.#byId.get(accountId) : Promise.resolve(null);
  }

  /** Forgets everything, so that a change made here takes effect here at once. */
  forget(): void {
    this.#byId.forget();
  }
}
