import { termOf, type Fact } from '../audit/questions/facts.js';

const SIZE = 20_000;
/** Facts of which there are too many to remember. */
const RARE = /^(?:trace|subject_key|subject_hash|actor_hash|issued_hash|subject_jti|issued_jti) /;

/** The terms of facts; those of facts that many records say are remembered, which only saves time. */
export class TermCache {
  readonly #known = new Map<Fact, number>();

  of(fact: Fact): number {
    const known = this.#known.get(fact);
    if (known !== undefined) return known;
    const term = termOf(fact);
    if (RARE.test(fact)) return term;
    if (this.#known.size >= SIZE) this.#known.clear();
    this.#known.set(fact, term);
    return term;
  }
}
