import { isDeepStrictEqual } from 'node:util';

/** Collects what the story promises and where the service did otherwise. */
export class Expectations {
  /** @type {string[]} */
  differences = [];
  held = 0;

  /**
   * @param {string} what the promise, as a name in one line
   * @param {unknown} found
   * @param {unknown} expected
   */
  same(what, found, expected) {
    this.#note(
      isDeepStrictEqual(found, expected),
      `${what}: expected ${inWords(expected)}, found ${inWords(found)}`,
    );
  }

  /** That a number is not above another. */
  atMost(what, found, limit) {
    this.#note(found <= limit, `${what}: expected at most ${limit}, found ${found}`);
  }

  #note(isHeld, difference) {
    if (isHeld) this.held += 1;
    else this.differences.push(difference);
  }
}

function inWords(value) {
  return JSON.stringify(value) ?? 'nothing';
}
