/**
 * Places of records in a segment, as an index keeps them: ascending numbers where they are few, else a
 * bit for every record.
 */
export type Places = { readonly list: Uint32Array } | { readonly bits: Uint8Array };

/** Places from numbers, ascending and each once. */
export function placesOf(numbers: ArrayLike<number>): Places {
  return { list: Uint32Array.from(numbers) };
}

/**
 * The shorter of the two forms as bytes.
 * @param list ascending
 * @param size records of the segment
 */
export function encodePlaces(
  list: ArrayLike<number>,
  size: number,
): { readonly bytes: Buffer; readonly isBits: boolean } {
  const most = size / 8;
  if (list.length <= most) {
    const bytes = Buffer.allocUnsafe(list.length * 5);
    let length = 0;
    let last = 0;
    for (let at = 0; at < list.length; at += 1) {
      const place = list[at] ?? 0;
      length = writeNumber(bytes, length, place - last);
      last = place;
    }
    if (length <= most) return { bytes: bytes.subarray(0, length), isBits: false };
  }
  const bits = Buffer.alloc(Math.ceil(most));
  for (let at = 0; at < list.length; at += 1) setBit(bits, list[at] ?? 0);
  return { bytes: bits, isBits: true };
}

/** Reads what `encodePlaces` wrote. */
export function decodePlaces(bytes: Buffer, isBits: boolean): Places {
  if (isBits) return { bits: bytes };
  const list = new Uint32Array(bytes.length);
  let count = 0;
  let place = 0;
  let unit = 1;
  // The same as `readList`, without a list that grows: these may be very many.
  for (const byte of bytes) {
    place += (byte & 127) * unit;
    unit = byte < 128 ? 1 : unit * 128;
    if (byte >= 128) continue;
    list[count] = place;
    count += 1;
  }
  return { list: list.subarray(0, count) };
}

/** Adds the places that were written as a list, each moved by an offset. */
export function readList(bytes: Buffer, offset: number, list: number[]): void {
  let place = offset;
  let unit = 1;
  for (const byte of bytes) {
    place += (byte & 127) * unit;
    if (byte < 128) list.push(place);
    unit = byte < 128 ? 1 : unit * 128;
  }
}

/** What is in any of them. */
export function unite(all: readonly Places[], size: number): Places {
  const [first] = all;
  if (first !== undefined && all.length === 1) return first;
  const total = all.reduce((sum, each) => sum + ('list' in each ? each.list.length : size), 0);
  if (total <= size / 32) {
    const list = Uint32Array.from(all.flatMap((each) => ('list' in each ? [...each.list] : [])));
    return { list: list.toSorted().filter((place, at, sorted) => place !== sorted[at - 1]) };
  }
  const bits = new Uint8Array(Math.ceil(size / 8));
  for (const each of all)
    if ('list' in each) for (const place of each.list) setBit(bits, place);
    else
      for (let at = 0; at < bits.length; at += 1)
        bits[at] = byteOf(bits, at) | byteOf(each.bits, at);
  return { bits };
}

/** What is in all of them, at least one. */
export function meet(all: readonly Places[]): Places {
  const lists = all.flatMap((each) => ('list' in each ? [each.list] : []));
  const maps = all.flatMap((each) => ('bits' in each ? [each.bits] : []));
  const [shortest, ...others] = lists.toSorted((a, b) => a.length - b.length);
  if (shortest !== undefined) {
    const common = others.reduce(meetLists, shortest);
    return { list: common.filter((place) => maps.every((bits) => hasBit(bits, place))) };
  }
  const [first = new Uint8Array(), ...rest] = maps;
  const bits = Uint8Array.from(first);
  for (const each of rest)
    for (let at = 0; at < bits.length; at += 1) bits[at] = byteOf(bits, at) & byteOf(each, at);
  return { bits };
}

/** The places from `low` on and below `high`, descending. */
export function* downward(places: Places, low: number, high: number): Generator<number> {
  if ('list' in places) {
    const { list } = places;
    for (let at = firstAtLeast(list, high) - 1; at >= 0; at -= 1) {
      const place = list[at] ?? 0;
      if (place < low) return;
      yield place;
    }
    return;
  }
  const { bits } = places;
  for (let place = Math.min(high, bits.length * 8) - 1; place >= low; place -= 1) {
    if (bits[place >> 3] === 0) place &= ~7;
    else if (hasBit(bits, place)) yield place;
  }
}

/** Writes a number in 7 bits a byte; the last byte has its highest bit clear. */
export function writeNumber(bytes: Uint8Array, at: number, value: number): number {
  let end = at;
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) {
    bytes[end] = (rest & 127) | 128;
    end += 1;
  }
  bytes[end] = rest;
  return end + 1;
}

/** Reads what `writeNumber` wrote. */
export function readNumber(
  bytes: Uint8Array,
  at: number,
): { readonly value: number; readonly end: number } {
  let value = 0;
  let end = at;
  for (let unit = 1; ; unit *= 128) {
    const byte = bytes[end] ?? 0;
    end += 1;
    value += (byte & 127) * unit;
    if (byte < 128) return { value, end };
  }
}

/** @param a the shorter one */
function meetLists(a: Uint32Array, b: Uint32Array): Uint32Array {
  const common = new Uint32Array(a.length);
  let count = 0;
  let at = 0;
  for (const place of a) {
    while (at < b.length && (b[at] ?? 0) < place) at += 1;
    if (b[at] !== place) continue;
    common[count] = place;
    count += 1;
  }
  return common.subarray(0, count);
}

/** The index of the first number that is not below; the length when there is none. */
function firstAtLeast(list: Uint32Array, limit: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] ?? 0) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

function byteOf(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

function setBit(bits: Uint8Array, place: number): void {
  bits[place >> 3] = byteOf(bits, place >> 3) | (1 << (place & 7));
}

function hasBit(bits: Uint8Array, place: number): boolean {
  return (byteOf(bits, place >> 3) & (1 << (place & 7))) !== 0;
}
