import { BlockList, isIP, isIPv6 } from 'node:net';

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
/** All of IPv6 that is given to anybody (RFC 4291 section 2.4). */
const GLOBAL = listOf(['2000::/3']);
/** Link-local, unspecified, multicast, documentation, translation, future use; metadata of clouds elsewhere. */
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
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
  '100.100.100.200/32',
  '168.63.129.16/32',
  'fd00:ec2::254/128',
]);

/**
 * Says where an address leads (RFC 6890). A local IPv4 address mapped into IPv6 counts as itself;
 * everything that is not certainly public is reserved, and so is what is no address.
 */
export function addressKind(address: string): AddressKind {
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  if (isIP(address) === 0 || RESERVED.check(address, family)) return 'reserved';
  if (LOOPBACK.check(address, family)) return 'loopback';
  if (PRIVATE.check(address, family)) return 'private';
  return family === 'ipv4' || GLOBAL.check(address, family) ? 'public' : 'reserved';
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    list.addSubnet(address, Number(prefix), isIPv6(address) ? 'ipv6' : 'ipv4');
  }
  return list;
}
