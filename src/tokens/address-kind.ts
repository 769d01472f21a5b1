import { BlockList, isIPv6 } from 'node:net';

/** Where an IP address leads. */
export type AddressKind = 'public' | 'private' | 'loopback' | 'reserved';

const LOOPBACK = listOf(['127.0.0.0/8', '::1/128']);
const PRIVATE = listOf([
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  'fc00::/7',
]);
/** Link-local (cloud metadata among it), unspecified, multicast, documentation, translation, future use. */
const RESERVED = listOf([
  '0.0.0.0/8',
  '169.254.0.0/16',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/128',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
]);
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** Says where an address leads (RFC 6890); an IPv4 address inside an IPv6 one counts as itself. */
export function addressKind(address: string): AddressKind {
  const plain = MAPPED.exec(address)?.[1] ?? address;
  const family = isIPv6(plain) ? 'ipv6' : 'ipv4';
  if (family === 'ipv6' && /^::ffff:/i.test(plain)) return 'reserved';
  if (LOOPBACK.check(plain, family)) return 'loopback';
  if (PRIVATE.check(plain, family)) return 'private';
  return RESERVED.check(plain, family) ? 'reserved' : 'public';
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    list.addSubnet(address, Number(prefix), isIPv6(address) ? 'ipv6' : 'ipv4');
  }
  return list;
}
