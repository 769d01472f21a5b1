import { GrantType } from '../oauth/grant-type.js';
import { redirectUriProblem } from '../oauth/redirect-uri.js';
import { isResourceUri, isTargetIdentifier } from '../oauth/resource.js';
import { isScopeValue } from '../oauth/scope.js';
import { MAX_DEPTH } from '../delegation/exchange-request.js';
import {
  ACCESS_TOKEN_FORMATS,
  AUTHENTICATION_METHODS,
  ID_TOKEN_ALGORITHMS,
  type Client,
} from './client.js';

const CLIENT_ID = /^[A-Za-z0-9_-]{1,128}$/;
const GROUP = /^[A-Za-z0-9._:-]{1,100}$/;
const ACCOUNT_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** A name of the DNS or an IPv4 address, with a port perhaps. */
const HOST =
  /^(?=[^:]{1,253}(?::|$))[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*(?::\d{1,5})?$/;
/** In any spelling: a browser resolves these before it goes there. */
const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?:[/?]|$)/i;
const MAX_LIST = 200;
const MAX_SIGN_IN_LIST = 50;
const MAX_GROUPS = 50;

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
  // RFC 9068 section 5: the `sub` of a client must not be taken for that of a person.
  check(!ACCOUNT_ID.test(client.clientId), 'clientId', 'must not be a UUID: accounts have those');
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
    client.identifiers.every(isTargetIdentifier),
    'identifiers',
    'must be absolute URIs without fragment, or names',
  );
  check(
    client.targets.every(isTargetIdentifier),
    'targets',
    'must be absolute URIs without fragment, or names',
  );
  check(
    client.defaultTarget === null || client.targets.includes(client.defaultTarget),
    'defaultTarget',
    'must be one of targets',
  );
  check(
    client.groups.every((group) => GROUP.test(group)),
    'groups',
    'must be names of 1 to 100 of the characters A-Z a-z 0-9 . _ : -',
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
  const { exchange, accessTokens } = client;
  check(
    ACCESS_TOKEN_FORMATS.includes(accessTokens.takes),
    'accessTokens.takes',
    'must be jwt or opaque',
  );
  check(
    ACCESS_TOKEN_FORMATS.includes(accessTokens.gets),
    'accessTokens.gets',
    'must be jwt or opaque',
  );
  check(
    !isPublic || !accessTokens.introspectsAll,
    'accessTokens.introspectsAll',
    'a public client cannot prove itself, so that it introspects nothing',
  );
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
  for (const [field, list, most] of listsOf(client)) {
    check(list.length <= most, field, `must have at most ${most} entries`);
    check(new Set(list).size === list.length, field, 'must not repeat an entry');
  }
  check(
    !client.identifiers.includes(client.clientId),
    'identifiers',
    'must not repeat the client id',
  );
  return [...problems, ...signInProblems(client)];
}

function signInProblems({ kind, grantTypes, scopes, signIn }: Client): readonly ClientProblem[] {
  const problems: ClientProblem[] = [];
  const check = (right: boolean, field: string, problem: string): void => {
    if (!right) problems.push({ field, problem });
  };
  const isPublic = kind === 'public';
  for (const name of ['redirectUris', 'postLogoutRedirectUris'] as const) {
    const found = signIn[name].map((uri) => uriProblem(uri, isPublic));
    for (const problem of new Set(found))
      if (problem !== undefined) problems.push({ field: `signIn.${name}`, problem });
  }
  const hasCodes = grantTypes.includes(GrantType.AuthorizationCode);
  check(
    !hasCodes || signIn.redirectUris.length > 0,
    'signIn.redirectUris',
    'must name at least one for authorization_code',
  );
  check(
    hasCodes || !grantTypes.includes(GrantType.RefreshToken),
    'grantTypes',
    'must have authorization_code beside refresh_token',
  );
  check(
    signIn.pkceRequired || !isPublic,
    'signIn.pkceRequired',
    'must be true: a public client has no secret',
  );
  check(
    signIn.defaultScopes.every((scope) => isScopeValue(scope) && scopes.includes(scope)),
    'signIn.defaultScopes',
    'must be of scopes',
  );
  check(
    ID_TOKEN_ALGORITHMS.includes(signIn.idTokenAlgorithm),
    'signIn.idTokenAlgorithm',
    `must be of ${ID_TOKEN_ALGORITHMS.join(', ')}`,
  );
  check(
    signIn.subjectType === 'public' || signIn.subjectType === 'pairwise',
    'signIn.subjectType',
    'must be public or pairwise',
  );
  // OpenID Connect Core section 8.1: with several hosts nobody could say which one is the sector.
  check(
    signIn.subjectType !== 'pairwise' ||
      signIn.sectorHost !== null ||
      hostsOf(signIn.redirectUris).size <= 1,
    'signIn.sectorHost',
    'must be named for pairwise subjects when the redirect URIs have several hosts',
  );
  check(
    signIn.sectorHost === null || HOST.test(signIn.sectorHost),
    'signIn.sectorHost',
    'must be a host name in lower case, with a port perhaps',
  );
  const { backchannelLogoutUri } = signIn;
  check(
    backchannelLogoutUri === null || uriProblem(backchannelLogoutUri, false) === undefined,
    'signIn.backchannelLogoutUri',
    'must be https, or http on loopback, in normal form without user and fragment',
  );
  return problems;
}

/** Why a URI cannot be registered: what it says must be what a reader takes it for. */
function uriProblem(uri: string, isPublic: boolean): string | undefined {
  const problem = redirectUriProblem(uri, isPublic);
  if (problem !== undefined) return problem;
  if (new URL(uri).hostname.includes('*')) return 'must not hold a wildcard in the host';
  return DOT_SEGMENT.test(uri) ? 'must not hold dot segments' : undefined;
}

function hostsOf(uris: readonly string[]): ReadonlySet<string> {
  return new Set(uris.filter((uri) => URL.canParse(uri)).map((uri) => new URL(uri).host));
}

/** The lists of a client, each with how many entries it may have. */
function listsOf(client: Client): readonly (readonly [string, readonly string[], number])[] {
  const { exchange, signIn } = client;
  const parties = exchange.actorIdentities.map(({ iss, sub }) => JSON.stringify([iss, sub]));
  return [
    ['grantTypes', client.grantTypes, MAX_LIST],
    ['scopes', client.scopes, MAX_LIST],
    ['offeredScopes', client.offeredScopes, MAX_LIST],
    ['identifiers', client.identifiers, MAX_LIST],
    ['targets', client.targets, MAX_LIST],
    ['authenticationMethods', client.authenticationMethods, MAX_LIST],
    ['groups', client.groups, MAX_GROUPS],
    ['exchange.subjectIssuers', exchange.subjectIssuers, MAX_LIST],
    ['exchange.presentsTokensOf', exchange.presentsTokensOf, MAX_LIST],
    ['exchange.actorIdentities', parties, MAX_LIST],
    ['signIn.redirectUris', signIn.redirectUris, MAX_SIGN_IN_LIST],
    ['signIn.postLogoutRedirectUris', signIn.postLogoutRedirectUris, MAX_SIGN_IN_LIST],
    ['signIn.defaultScopes', signIn.defaultScopes, MAX_SIGN_IN_LIST],
  ];
}

function isGrantType(value: string): boolean {
  return (Object.values(GrantType) as string[]).includes(value);
}

function isText(value: string, most: number): boolean {
  return value.length > 0 && value.length <= most && !/\p{Cc}/u.test(value);
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
