import { Injectable } from '@nestjs/common';

import { Clock } from '../oauth/clock.js';
import { FRESH, FreshLookup } from '../oauth/fresh-lookup.js';
import { AuthorizationStore } from './authorization-store.js';
import type { Authorization } from './authorization.js';

/** Authorizations as the hot path reads them, at most a second old. Fails with the store. */
@Injectable()
export class AuthorizationDirectory {
  readonly #byId: FreshLookup<Authorization | null>;

  constructor(store: AuthorizationStore, clock: Clock) {
    this.#byId = new FreshLookup((id) => store.find(id), clock, FRESH);
  }

  /** The authorization with this id, or null. */
  find(authorizationId: string): Promise<Authorization | null> {
    return this.#byId.get(authorizationId);
  }

  /** Forgets everything, so that what is revoked here is refused here at once. */
  forget(): void {
    this.#byId.forget();
  }
}
