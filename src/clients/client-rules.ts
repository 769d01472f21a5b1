import { GrantType } from '../oauth/grant-type.js';
import { isAudienceName, isResourceUri } from '../oauth/resource.js';
import { isScopeValue } from '../oauth/scope.js';
import { MAX_DEPTH } from '../delegation/exchange-request.js';
import { AUTHENTICATION_METHODS, type Client } from './client.js';

const CLIENT_ID = /^[A-Za-z0-9_-]{1,128}$/;
const MAX_LIST = 200;

/** One thing that is wrong with a client, with the field it is about. */
export interface ClientProblem {
  readonly field: string;
  readonly problem: string;
}

/**
 * Everything that is wrong with a client as it would be stored: each write checks the whole result,
 * so that a change is accepted exactly when creating the same client would be.
 */
export function clientProblems(client: Client): readonly ClientProblem[] {
  const problems: ClientProblem[] = [];
  const check = (right: boolean, field: string, problem: string): void => {
    if (!right) problems.push({ field, problem });
  };
  const isPublic = client.kind === 'public';
  check(
    CLIENT_ID.test(client.clientId),
    'clientId',
    'must be 1 to 128 of the characters A-Z a-z 0-9 _ -',
  );
  check(isText(client.name, 200), 'name', 'must be 1 to 200 characters without control characters');
  check(
    client.grantTypes.every((type) => isGrantType(type)),
    'grantTypes',
    `must be of ${Object.values(GrantType).join(', ')}`,
  );
  check(client.scopes.every(isScopeValue), 'scopes', 'must be scope values (RFC 6749 section 3.3)');
  check(
    client.offeredScopes.every(isScopeValue),
    'offeredScopes',
    'must be scope values (RFC 6749 section 3.3)',
  );
  check(
    client.identifiers.every(isIdentifier),
    'identifiers',
    'must be absolute URIs without fragment, or names',
  );
  check(
    client.targets.every(isIdentifier),
    'targets',
    'must be absolute URIs without fragment, or names',
  );
  check(
    client.defaultTarget === null || client.targets.includes(client.defaultTarget),
    'defaultTarget',
    'must be one of targets',
  );
  check(isWithin(client.tokenLifetime, 30, 86_400), 'tokenLifetime', 'must be 30 to 86400 seconds');
  check(
    client.authenticationMethods.length > 0,
    'authenticationMethods',
    'must name at least one method',
  );
  check(
    client.authenticationMethods.every(
      (method) => AUTHENTICATION_METHODS.includes(method) && (method === 'none') === isPublic,
    ),
    'authenticationMethods',
    isPublic
      ? 'must be none: a public client has no secret'
      : 'must be client_secret_basic or client_secret_post',
  );
  check(!isPublic || client.secrets.length === 0, 'kind', 'a public client has no secret');
  check(
    !isPublic ||
      !client.grantTypes.some(
        (type) => type === GrantType.TokenExchange || type === GrantType.ClientCredentials,
      ),
    'grantTypes',
    'a public client can use neither client_credentials nor token exchange',
  );
  const { exchange } = client;
  check(
    exchange.mode === 'delegation' || exchange.mode === 'impersonation',
    'exchange.mode',
    'must be delegation or impersonation',
  );
  check(
    isWithin(exchange.maxDepth, 1, MAX_DEPTH),
    'exchange.maxDepth',
    `must be 1 to ${MAX_DEPTH}`,
  );
  check(isWithin(exchange.maxTargets, 1, 16), 'exchange.maxTargets', 'must be 1 to 16');
  check(
    exchange.subjectIssuers.every(isResourceUri),
    'exchange.subjectIssuers',
    'must be issuer URLs',
  );
  check(
    exchange.presentsTokensOf.every((id) => CLIENT_ID.test(id)),
    'exchange.presentsTokensOf',
    'must be client ids',
  );
  check(
    exchange.actorIdentities.every((party) => isResourceUri(party.iss) && isText(party.sub, 512)),
    'exchange.actorIdentities',
    'must each have iss (a URL) and sub',
  );
  for (const [field, list] of listsOf(client)) {
    check(list.length <= MAX_LIST, field, `must have at most ${MAX_LIST} entries`);
    check(new Set(list).size === list.length, field, 'must not repeat an entry');
  }
  check(
    !client.identifiers.includes(client.clientId),
    'identifiers',
    'must not repeat the client id',
  );
  return problems;
}

function listsOf(client: Client): readonly (readonly [string, readonly string[]])[] {
  return [
    ['grantTypes', client.grantTypes],
    ['scopes', client.scopes],
    ['offeredScopes', client.offeredScopes],
    ['identifiers', client.identifiers],
    ['targets', client.targets],
    ['authenticationMethods', client.authenticationMethods],
    ['exchange.subjectIssuers', client.exchange.subjectIssuers],
    ['exchange.presentsTokensOf', client.exchange.presentsTokensOf],
    [
      'exchange.actorIdentities',
      client.exchange.actorIdentities.map(({ iss, sub }) => JSON.stringify([iss, sub])),
    ],
  ];
}

function isGrantType(value: string): boolean {
  return (Object.values(GrantType) as string[]).includes(value);
}

function isIdentifier(value: string): boolean {
  return value.includes(':') ? isResourceUri(value) : isAudienceName(value);
}

function isText(value: string, most: number): boolean {
  return value.length > 0 && value.length <= most && !/\p{Cc}/u.test(value);
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
