import { isJsonObject, type JsonObject } from '../oauth/claims.js';

const MAX_LENGTH = 16_384;
const MAX_DEPTH = 32;

/** NUL and lone surrogates: no database keeps them as they are, so two names could become one. */
const NOT_TEXT = /[\0\p{Cs}]/u;

/**
 * Reads a JSON object that a stranger wrote, as I-JSON asks for (RFC 7493 section 2): no name twice
 * in one object, finite numbers and well-formed text only; at most 32 levels. A member called
 * `__proto__` is refused, because a copy by assignment would turn it into a prototype.
 * @param maxLength characters; 16 kB unless said otherwise
 * @returns undefined when it is anything else
 */
export function readStrictJson(text: string, maxLength = MAX_LENGTH): JsonObject | undefined {
  const written = text.length > maxLength ? undefined : countWritten(text);
  if (written === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  // The parser keeps the last of several members with one name, so that fewer are kept than were written.
  return isJsonObject(value) && countKept(value) === written ? value : undefined;
}

/**
 * How many members the text writes: the colons outside of strings. It leaves the grammar to the
 * parser behind it.
 * @returns undefined when the text is nested too deep to be parsed at all
 */
function countWritten(text: string): number | undefined {
  let members = 0;
  let depth = 0;
  for (let index = 0; index < text.length; index += 1) {
    switch (text.charCodeAt(index)) {
      case 0x22: // "
        index = endOfString(text, index);
        break;
      case 0x3a: // :
        members += 1;
        break;
      case 0x5b: // [
      case 0x7b: // {
        depth += 1;
        if (depth > MAX_DEPTH) return undefined;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth -= 1;
        break;
      default:
    }
  }
  return members;
}

function endOfString(text: string, start: number): number {
  let index = start + 1;
  for (let code = text.charCodeAt(index); index < text.length; code = text.charCodeAt(index)) {
    if (code === 0x22) return index;
    index += code === 0x5c ? 2 : 1;
  }
  return index;
}

/** How many members a value has at all its levels, of which there are few; NaN when one is refused. */
function countKept(value: unknown): number {
  if (typeof value === 'string') return NOT_TEXT.test(value) ? Number.NaN : 0;
  if (typeof value === 'number') return Number.isFinite(value) ? 0 : Number.NaN;
  if (typeof value !== 'object' || value === null) return 0;
  let members = 0;
  if (Array.isArray(value)) {
    for (const each of value) members += countKept(each);
    return members;
  }
  for (const [name, each] of Object.entries(value)) {
    if (name === '__proto__' || NOT_TEXT.test(name)) return Number.NaN;
    members += 1 + countKept(each);
  }
  return members;
}
