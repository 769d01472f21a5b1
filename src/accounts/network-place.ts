import { isIPv4, isIPv6 } from 'node:net';

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * The part of an address that one subscriber has: an IPv4 address, or the first 64 bits of an IPv6
 * address, because whoever has one has the other 2^64 as well. Anything else is one place.
 */
export function networkPlace(address: string | undefined): string {
  const text = (address ?? '').split('%')[0] ?? '';
  const v4 = MAPPED.exec(text)?.[1] ?? text;
  if (isIPv4(v4)) return v4;
  return isIPv6(text) ? firstHalf(text) : 'elsewhere';
}

function firstHalf(address: string): string {
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  // What "::" stands for is zeros; those behind the first half do not matter.
  const behind = tail === undefined || tail === '' ? [] : tail.split(':');
  const width = behind.at(-1)?.includes('.') === true ? behind.length + 1 : behind.length;
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - width);
  const all = [...groups, ...Array.from({ length: zeros }, () => '0'), ...behind];
  return all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
