import type { SecurityToken } from './security-token.js';

/** Knows whether the parties that a token names are still allowed to be named. */
export abstract class PartyStanding {
  /**
   * Whether its subject, its client and every actor of its chain are in good standing: none is
   * disabled or gone. Rejects when it cannot know.
   */
  abstract isGood(token: SecurityToken): Promise<boolean>;
}
