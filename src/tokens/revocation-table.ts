import { FOR_EVER, type KeyLetter, type Revocation } from './revocation.js';

/** Four words of key, two of the time before which, one of the time of forgetting. */
const STRIDE = 7;
const SMALLEST = 1 << 10;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const VALUES = new Uint8Array(128);
for (let value = 0; value < ALPHABET.length; value += 1) VALUES[ALPHABET.charCodeAt(value)] = value;

/**
 * Revocations by their keys, packed: 28 bytes for each place of a table that is half full, where a map
 * of strings would take several times as much. What has no effect any more is forgotten when it grows.
 */
export class RevocationTable {
  #words = new Uint32Array(SMALLEST * STRIDE);
  #size = 0;
  readonly #letters = new Set<string>();

  /** How many places are taken. */
  get size(): number {
    return this.#size;
  }

  /** Whether there may be one with a key of this letter. */
  has(letter: KeyLetter): boolean {
    return this.#letters.has(letter);
  }

  /**
   * Adds one, or makes one stronger that is there.
   * @param now milliseconds since the epoch
   */
  add({ key, before, expiresAt }: Revocation, now: number): void {
    if ((this.#size + 1) * 2 > this.#capacity) this.forget(now);
    const place = this.#place(key);
    const words = this.#words;
    const known = timeAt(words, place);
    if (known === undefined) {
      writeKey(words, place, key);
      this.#size += 1;
      this.#letters.add(key.charAt(0));
    }
    const time = Math.min(Math.max(before, known ?? 0), FOR_EVER);
    const until = endOf(expiresAt);
    const kept = words[place + 6] ?? 0;
    words[place + 4] = Math.floor(time / 2 ** 32);
    words[place + 5] = time >>> 0;
    // A zero is for ever.
    words[place + 6] =
      known !== undefined && (kept === 0 || until === 0) ? 0 : Math.max(kept, until);
  }

  /** Until when what the key names is dead, in milliseconds since the epoch; undefined when it is not. */
  find(key: string): number | undefined {
    return this.#letters.has(key.charAt(0)) ? timeAt(this.#words, this.#place(key)) : undefined;
  }

  /**
   * Forgets what has no effect any more, and makes room.
   * @param now milliseconds since the epoch
   */
  forget(now: number): void {
    const old = this.#words;
    const seconds = now / 1000;
    const isKept = (place: number): boolean => {
      const until = old[place + 6] ?? 0;
      return old[place] !== 0 && (until === 0 || until > seconds);
    };
    let kept = 0;
    for (let place = 0; place < old.length; place += STRIDE) if (isKept(place)) kept += 1;
    let capacity = SMALLEST;
    while (capacity < (kept + 1) * 3) capacity *= 2;
    this.#words = new Uint32Array(capacity * STRIDE);
    this.#size = kept;
    for (let place = 0; place < old.length; place += STRIDE) {
      if (isKept(place))
        this.#words.set(old.subarray(place, place + STRIDE), this.#free(old, place));
    }
  }

  get #capacity(): number {
    return this.#words.length / STRIDE;
  }

  /** Where the key is, or the free place where it would be. */
  #place(key: string): number {
    const words = this.#words;
    const mask = this.#capacity - 1;
    const first = firstWord(key);
    const second = word(key, 5);
    const third = word(key, 9);
    const fourth = word(key, 13);
    let index = (second ^ (third << 7) ^ fourth) & mask;
    for (;;) {
      const place = index * STRIDE;
      if (words[place] === 0) return place;
      if (
        words[place] === first &&
        words[place + 1] === second &&
        words[place + 2] === third &&
        words[place + 3] === fourth
      )
        return place;
      index = (index + 1) & mask;
    }
  }

  /** A free place for a key that is not there yet. */
  #free(words: Uint32Array, at: number): number {
    const mask = this.#capacity - 1;
    const [second = 0, third = 0, fourth = 0] = words.subarray(at + 1, at + 4);
    let index = (second ^ (third << 7) ^ fourth) & mask;
    while (this.#words[index * STRIDE] !== 0) index = (index + 1) & mask;
    return index * STRIDE;
  }
}

/** In seconds, as a word holds it: zero for ever, and for what ends later than it can count. */
function endOf(expiresAt: number | null): number {
  const seconds = Math.ceil((expiresAt ?? Infinity) / 1000);
  return seconds < 2 ** 32 ? Math.max(1, seconds) : 0;
}

/** Undefined where nothing is. */
function timeAt(words: Uint32Array, place: number): number | undefined {
  if (words[place] === 0) return undefined;
  return (words[place + 4] ?? 0) * 2 ** 32 + (words[place + 5] ?? 0);
}

function writeKey(words: Uint32Array, place: number, key: string): void {
  words[place] = firstWord(key);
  words[place + 1] = word(key, 5);
  words[place + 2] = word(key, 9);
  words[place + 3] = word(key, 13);
}

/** The letter and the first four characters; never zero. */
function firstWord(key: string): number {
  return ((key.charCodeAt(0) << 24) | word(key, 1)) >>> 0;
}

/** Four characters of base64url: 24 bits. */
function word(key: string, at: number): number {
  return (
    ((VALUES[key.charCodeAt(at)] ?? 0) << 18) |
    ((VALUES[key.charCodeAt(at + 1)] ?? 0) << 12) |
    ((VALUES[key.charCodeAt(at + 2)] ?? 0) << 6) |
    (VALUES[key.charCodeAt(at + 3)] ?? 0)
  );
}
