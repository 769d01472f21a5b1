import { isJsonObject, type JsonObject } from '../oauth/claims.js';
import { InvalidRequestError } from '../oauth/oauth-error.js';
import { Actor } from './actor.js';
import { isSameParty, type Party } from './party.js';

/** No chain is read beyond this, whatever a policy allows. */
const MAX_READ_DEPTH = 32;

/**
 * The subject and the actors that act for it, newest first (RFC 8693 section 4.1). A chain is
 * preserved or extended; nothing here can cut, reorder or rewrite one.
 */
export class DelegationChain {
  private constructor(
    readonly subject: Party,
    /** Current actor first, oldest last. */
    readonly actors: readonly Actor[],
  ) {}

  /** A chain with no actor yet. */
  static of(subject: Party): DelegationChain {
    return new DelegationChain(subject, []);
  }

  /**
   * The chain that a token's `act` claim tells.
   * @param act the claim as it was read; undefined when the token has none
   * @param issuer the token's issuer, whose name space an `act` without `iss` means
   * @throws InvalidRequestError when any link is malformed or the chain is deeper than 32
   */
  static read(subject: Party, act: unknown, issuer: string): DelegationChain {
    const actors: Actor[] = [];
    let next = act;
    while (next !== undefined) {
      const actor = isJsonObject(next) ? Actor.read(next, issuer) : undefined;
      if (actor === undefined || actors.length === MAX_READ_DEPTH) {
        throw new InvalidRequestError(
          'token_chain_malformed',
          'A presented token is not acceptable.',
        );
      }
      actors.push(actor);
      next = (next as JsonObject)['act'];
    }
    return new DelegationChain(subject, actors);
  }

  /** How many actors it has. */
  get depth(): number {
    return this.actors.length;
  }

  /** The outermost `act`: who acts now. */
  get currentActor(): Actor | undefined {
    return this.actors[0];
  }

  /** The nested ones, newest first: they inform, they never decide. */
  get priorActors(): readonly Actor[] {
    return this.actors.slice(1);
  }

  /** Whether the party acts anywhere in it. */
  contains(party: Party): boolean {
    return this.actors.some((actor) => isSameParty(actor, party));
  }

  /** This chain with a new current actor; the present one becomes the first prior actor, unchanged. */
  extend(actor: Actor): DelegationChain {
    return new DelegationChain(this.subject, [actor, ...this.actors]);
  }

  /** Whether `other` is this chain, or this chain with newer actors in front. */
  isKeptBy(other: DelegationChain): boolean {
    const added = other.actors.length - this.actors.length;
    return (
      added >= 0 &&
      isSameParty(this.subject, other.subject) &&
      this.actors.every((actor, index) => actor === other.actors[index + added])
    );
  }

  /** The `act` claim that tells this chain, or undefined when nobody acts. */
  toAct(): JsonObject | undefined {
    let act: JsonObject | undefined;
    for (let index = this.actors.length - 1; index >= 0; index -= 1) {
      const claims = this.actors[index]?.claims ?? {};
      act = act === undefined ? claims : { ...claims, act };
    }
    return act;
  }
}
