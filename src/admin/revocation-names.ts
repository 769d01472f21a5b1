import { hash } from 'node:crypto';

import { looksLikeSecret } from '../oauth/secret-shape.js';
import type { RevocationTarget } from '../tokens/revocation.js';
import { invalidFields, type FieldProblem } from './problem.js';
import type { NamedRevocation, RevocationKind } from './revocation.dto.js';

type Field = Exclude<keyof NamedRevocation, 'kind'>;

/** The ways to name something of a kind: fields that are needed, and fields that may be there as well. */
const WAYS: Readonly<
  Record<RevocationKind, readonly (readonly [needed: readonly Field[], more: readonly Field[]])[]>
> = {
  token: [
    [['hash'], []],
    [['jti'], []],
  ],
  chain: [[['chainId'], []]],
  subject: [[['sub'], ['iss']]],
  actor: [
    [['sub'], ['iss']],
    [['clientId'], []],
  ],
  client: [[['clientId'], []]],
  policy: [[['policyId'], ['version']]],
  issuer: [[['issuer'], []]],
  all: [[[], []]],
};
const FIELDS: readonly Field[] = [
  'hash',
  'jti',
  'chainId',
  'iss',
  'sub',
  'clientId',
  'policyId',
  'version',
  'issuer',
];

/**
 * The target that the fields name; of a token that is named by its `jti` nothing yet.
 * @param ownIssuer whose names the names without an issuer are
 * @throws Problem (400) when a field is missing or does not belong to the kind
 */
export function targetOf(
  named: NamedRevocation,
  ownIssuer: string,
): RevocationTarget | { readonly kind: 'jti'; readonly jti: string } {
  checkFields(named);
  const { kind, hash: token = '', jti, chainId = '', clientId = '', policyId = '' } = named;
  const { iss = ownIssuer, sub = clientId, version, issuer = '' } = named;
  switch (kind) {
    case 'token':
      return jti === undefined ? { kind, hash: token } : { kind: 'jti', jti };
    case 'chain':
      return { kind, chainId };
    case 'subject':
    case 'actor':
      return { kind, iss, sub };
    case 'client':
      return { kind, clientId };
    case 'policy':
      return { kind, policyId, version };
    case 'issuer':
      return { kind, issuer };
    default:
      return { kind };
  }
}

/** What a record and an answer say of a target. */
export function namesOf(target: RevocationTarget): Readonly<Record<string, string>> {
  const names = Object.entries(target).filter(
    ([field, name]) => field !== 'kind' && name !== undefined,
  );
  return Object.fromEntries(
    names.map(([field, name]) =>
      // An administrator may have put a token there: its hash tells which, and nothing more.
      field !== 'hash' && looksLikeSecret(String(name))
        ? [`${field}Hash`, hash('sha256', String(name), 'base64url')]
        : [field, String(name)],
    ),
  );
}

/** Why, without what could be a token or a secret. */
export function tellableReason(reason: string): string {
  return reason.replaceAll(/[A-Za-z0-9_-]{41,}/g, '…');
}

function checkFields(named: NamedRevocation): void {
  const { kind } = named;
  const given = FIELDS.filter((field) => named[field] !== undefined);
  const ways = WAYS[kind].map(([needed, more]) => ({ needed, known: [...needed, ...more] }));
  const isWay = ways.some(
    ({ needed, known }) =>
      needed.every((field) => given.includes(field)) &&
      given.every((field) => known.includes(field)),
  );
  if (isWay) return;
  const known = ways.flatMap((way) => way.known);
  const strange = given
    .filter((field) => !known.includes(field))
    .map((field): FieldProblem => ({ field, problem: `does not name a revocation of this kind` }));
  if (strange.length > 0) throw invalidFields(strange);
  const alternatives = ways.map(({ needed }) => needed.join(' and ')).join(' or ');
  const isTooMuch = ways.length > 1 && given.length > 0;
  throw invalidFields([
    {
      field: given.at(-1) ?? ways[0]?.needed[0] ?? 'kind',
      problem: isTooMuch
        ? `goes with other fields: name ${alternatives}`
        : `is missing: name ${alternatives}`,
    },
  ]);
}
