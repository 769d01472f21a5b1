import { Injectable } from '@nestjs/common';

import type { Account } from '../accounts/account.js';
import { AccountDirectory } from '../accounts/account-directory.js';
import type { Session } from '../accounts/session.js';
import { Sessions } from '../accounts/sessions.js';
import type { AttemptFacts } from '../audit/attempt.js';
import type { Authorization } from '../authorization/authorization.js';
import { claimsByName } from '../authorization/person-claims.js';
import { PersonNames } from '../authorization/person-names.js';
import type { Client } from '../clients/client.js';
import { requesterOf } from '../clients/requester.js';
import { Targets } from '../clients/targets.js';
import { Decision } from '../delegation/decision.js';
import type { Target } from '../delegation/exchange-request.js';
import { epochSeconds } from '../oauth/clock.js';
import { GrantType } from '../oauth/grant-type.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { InvalidGrantError, InvalidTargetError } from '../oauth/oauth-error.js';
import { OPENID_SCOPES } from '../oauth/openid.js';
import type { RequestParameters } from '../oauth/request-parameters.js';
import { checkTargets } from '../oauth/resource.js';
import { parseScope, type Scope } from '../oauth/scope.js';
import type { TokenResponse } from '../oauth/token-response.js';
import { TokenType } from '../oauth/token-type.js';
import { IdTokenIssuer } from '../tokens/id-token-issuer.js';
import { TokenIssuer } from '../tokens/token-issuer.js';
import { bearerResponse } from './bearer-response.js';
import type { GrantRequest } from './grant.js';
import { issuedFacts } from './recorded.js';

/** The scope value that lets an authorization outlive its session (OpenID Connect Core section 11). */
const OFFLINE = 'offline_access';

/** Whose authorization it is, and the session it needs; null for one that outlives its session. */
export interface PresentPerson {
  readonly account: Account;
  readonly session: Session | null;
}

/** What a token request asks of an authorization. */
export interface PersonTokenRequest extends GrantRequest, PresentPerson {
  readonly authorization: Authorization;
  readonly requestedScope: Scope | undefined;
}

/** Makes the tokens that a person allowed an application, whichever grant asks for them. */
@Injectable()
export class PersonTokens {
  constructor(
    private readonly accounts: AccountDirectory,
    private readonly sessions: Sessions,
    private readonly targets: Targets,
    private readonly names: PersonNames,
    private readonly issuer: TokenIssuer,
    private readonly idTokens: IdTokenIssuer,
    private readonly settings: IssuerSettings,
  ) {}

  /**
   * Whose authorization it is.
   * @throws InvalidGrantError when the account is disabled or gone, or the session is over that the
   *   authorization does not outlive, or not any more since its client may have less
   */
  async personOf(
    client: Client,
    { accountId, sid, isOffline }: Authorization,
  ): Promise<PresentPerson> {
    const account = await this.accounts.find(accountId);
    if (account === null || account.disabled) throw new InvalidGrantError('account_disabled');
    if (isOffline && client.scopes.includes(OFFLINE) && mayRefresh(client))
      return { account, session: null };
    const session = await this.sessions.live(sid);
    if (session === null) throw new InvalidGrantError('session_over');
    return { account, session };
  }

  /** @throws InvalidTargetError, InvalidScopeError when more is asked for than was allowed (RFC 8707 section 2.2) */
  async decide(request: PersonTokenRequest): Promise<Decision> {
    const { client, attempt, authorization, account } = request;
    const requester = requesterOf(client, this.settings.issuer);
    const person = { iss: this.settings.issuer, sub: account.accountId };
    const targets = await this.targets.ofPerson(this.#targetsOf(request), account.roles);
    return Decision.ofPerson(
      {
        now: epochSeconds(attempt.time),
        tokenId: { recordId: attempt.id, chainId: undefined },
        person,
        requester: { ...requester, targets: [...requester.targets, this.settings.userInfo] },
        targets,
        authorizedScope: new Set(authorization.scope),
        requestedScope: scopeForTargets(request, targets),
        signIn: {
          authTime: epochSeconds(authorization.authTime),
          acr: authorization.acr,
          amr: authorization.amr,
          sid: authorization.sid,
          grantId: authorization.authorizationId,
        },
      },
      (basis) => attempt.note({ basis }),
    );
  }

  /** Mints what was decided; with scope `openid` an ID token too. It counts as use of the session. */
  async issue(
    decision: Decision,
    { client, attempt, authorization, account, session }: PersonTokenRequest,
    nonce: string | undefined,
  ): Promise<TokenResponse> {
    const issued = await this.issuer.issue(decision);
    attempt.note(issuedFacts(decision, issued, TokenType.AccessToken));
    if (session !== null) await this.sessions.seen(session);
    const answer = bearerResponse(decision, issued);
    if (!decision.scope.has('openid')) return answer;
    const idToken = await this.idTokens.issue(decision, {
      clientId: client.clientId,
      subject: this.names.of(account.accountId, client),
      algorithm: client.signIn.idTokenAlgorithm,
      accessToken: issued.token,
      nonce,
      claims: claimsByName(account, authorization.claims.idToken, client.scopes),
    });
    return { ...answer, id_token: idToken };
  }

  /** The scope parameter of a token request. @throws InvalidScopeError when it is malformed */
  requestedScope(parameters: RequestParameters): Scope | undefined {
    const scope = parameters.get('scope');
    return scope === undefined ? undefined : parseScope(scope);
  }

  /** What is named, or else everything that was allowed; UserInfo comes along when the scope says something there. */
  #targetsOf({
    authorization: { targets },
    parameters,
    requestedScope,
  }: PersonTokenRequest): readonly string[] {
    const resources = parameters.all('resource');
    const audiences = parameters.all('audience');
    checkTargets(resources, audiences);
    const named = new Set([...resources, ...audiences]);
    if (![...named].every((identifier) => targets.includes(identifier)))
      throw new InvalidTargetError('target_not_allowed', 'A requested target is not acceptable.');
    const isForUserInfo = requestedScope === undefined || tellsOfPerson(requestedScope);
    const wanted = targets.filter((identifier) =>
      identifier === this.settings.userInfo
        ? isForUserInfo || named.has(identifier)
        : named.size === 0 || named.has(identifier),
    );
    return wanted.length === 0 ? targets : wanted;
  }
}

/** Whether a scope holds a value that means something at UserInfo. */
function tellsOfPerson(scope: Scope): boolean {
  return OPENID_SCOPES.some((value) => value !== OFFLINE && scope.has(value));
}

/**
 * The requested scope as far as an access token can hold it: that the refresh token outlives the
 * session was allowed once for all, so that it may be named again where no target knows of it.
 */
function scopeForTargets(
  { authorization, requestedScope }: PersonTokenRequest,
  targets: readonly Target[],
): Scope | undefined {
  const isKnown = targets.some(({ offeredScope }) => offeredScope.has(OFFLINE));
  if (requestedScope === undefined || !authorization.isOffline || isKnown) return requestedScope;
  return new Set([...requestedScope].filter((value) => value !== OFFLINE));
}

/** What a record keeps of whom a token request is about. */
export function personFacts(
  { authorizationId, accountId, sid, clientId }: Authorization,
  issuer: string,
): AttemptFacts {
  return { authorizationId, sid, subject: { iss: issuer, sub: accountId, clientId } };
}

/** The client's settings say whether an authorization can be used again. */
export function mayRefresh(client: Client): boolean {
  return client.grantTypes.includes(GrantType.RefreshToken);
}
