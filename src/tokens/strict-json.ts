import { isJsonObject, type JsonObject } from '../oauth/claims.js';

const MAX_LENGTH = 16_384;
const MAX_DEPTH = 32;

/**
 * Reads a JSON object that a stranger wrote: no name twice in one object, at most 32 levels and 16 kB,
 * finite numbers only (RFC 8725 section 3.8 asks for parsers that cannot be led apart).
 * @returns undefined when it is anything else
 */
export function readStrictJson(text: string): JsonObject | undefined {
  if (text.length > MAX_LENGTH || !isPlain(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text, (_name, each: unknown) => {
      if (typeof each === 'number' && !Number.isFinite(each)) throw new RangeError('not finite');
      return each;
    });
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether no object in the text names a member twice and nothing is nested too deep. It walks the
 * characters without recursion and leaves the grammar to the parser behind it.
 */
function isPlain(text: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  let expectsName = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (character === '{' || character === '[') {
      open.push(character === '{' ? new Set() : undefined);
      expectsName = character === '{';
      if (open.length > MAX_DEPTH) return false;
    } else if (character === '}' || character === ']') {
      open.pop();
      expectsName = false;
    } else if (character === ',') {
      expectsName = open.at(-1) !== undefined;
    } else if (character === '"') {
      const end = endOfString(text, index);
      if (end < 0) return false;
      if (expectsName && !isNewName(open.at(-1), text.slice(index, end + 1))) return false;
      expectsName = false;
      index = end;
    }
  }
  return true;
}

function endOfString(text: string, start: number): number {
  for (let index = start + 1; index < text.length; index += 1) {
    if (text[index] === '\\') index += 1;
    else if (text[index] === '"') return index;
  }
  return -1;
}

function isNewName(names: Set<string> | undefined, quoted: string): boolean {
  let name: unknown;
  try {
    name = JSON.parse(quoted);
  } catch {
    return false;
  }
  if (names === undefined || typeof name !== 'string' || name === '__proto__' || names.has(name))
    return false;
  names.add(name);
  return true;
}
