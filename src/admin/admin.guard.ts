import type { ServerResponse } from 'node:http';

import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';

import { AccountDirectory } from '../accounts/account-directory.js';
import { isAccountId } from '../accounts/account-rules.js';
import { bearerCredentials } from '../endpoints/bearer-token.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { OAuthError } from '../oauth/oauth-error.js';
import { EMPTY_SCOPE, intersectScopes, type Scope } from '../oauth/scope.js';
import { TokenType } from '../oauth/token-type.js';
import type { SecurityToken } from '../tokens/security-token.js';
import { SecurityTokens } from '../tokens/security-tokens.js';
import { ADMIN_ROLE_SCOPES, adminAudience } from './admin-scopes.js';
import { AdministrationRecords } from './administration-records.js';
import { actOf, type AdminRequest, type AdministrativeAct } from './administrative-act.js';
import { Problem } from './problem.js';
import { requirementOf } from './requires-scope.js';

const REALM = 'Bearer realm="admin"';

/**
 * Lets through who holds an access token of ours for the admin API with the scope that the route
 * names (RFC 6750, RFC 9068 section 4). The token is read from the header alone and must be meant
 * for the admin API alone: one that another service receives as well could be replayed here. A
 * person's roles must still hold the scope, so that a role that is taken away ends at once.
 */
@Injectable()
export class AdminGuard implements CanActivate {
  constructor(
    private readonly tokens: SecurityTokens,
    private readonly accounts: AccountDirectory,
    private readonly records: AdministrationRecords,
    private readonly settings: IssuerSettings,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<AdminRequest>();
    http.getResponse<ServerResponse>().setHeader('Cache-Control', 'no-store');
    const act = await this.actOf(request);
    const required = requirementOf(context.getHandler());
    if (required === undefined) throw new Problem(403, 'Nobody may use this operation.');
    if (required !== 'any' && !act.scope.has(required)) {
      const refused = (): Promise<never> => Promise.reject(insufficientScope(required));
      return this.records.witness(context, act, refused);
    }
    request.act = act;
    return true;
  }

  /**
   * Who sends the request, and what they may do at this moment: for an answer that goes on for long, too.
   * @throws Problem (400, 401)
   */
  async actOf(request: AdminRequest): Promise<AdministrativeAct> {
    const token = await this.#check(bearerToken(request));
    return actOf(request, token, await this.#scopeOf(token));
  }

  /**
   * What the token allows, and for a person what their roles still allow. A token whose subject is its
   * client is that client's own, whatever the form of its id.
   */
  async #scopeOf({ scope = EMPTY_SCOPE, chain, clientId }: SecurityToken): Promise<Scope> {
    const { iss, sub } = chain.subject;
    const isPerson = iss === this.settings.issuer && isAccountId(sub) && sub !== clientId;
    if (!isPerson) return scope;
    const account = await this.accounts.find(sub);
    if (account === null || account.disabled) return EMPTY_SCOPE;
    const ofRoles = account.roles.flatMap((role) => ADMIN_ROLE_SCOPES[role]);
    return intersectScopes(scope, new Set<string>(ofRoles));
  }

  async #check(token: string): Promise<SecurityToken> {
    let checked: SecurityToken;
    try {
      checked = await this.tokens.check(token, TokenType.AccessToken, 'token');
    } catch (error) {
      if (error instanceof OAuthError && error.status < 500) throw invalidToken(error);
      throw error;
    }
    const [audience, ...others] = checked.audience;
    const isForUs = audience === adminAudience(this.settings.issuer) && others.length === 0;
    // A delegated token speaks for somebody else: no service administrates on another's behalf.
    if (!checked.isOwn || !isForUs || checked.chain.depth > 0) throw invalidToken();
    return checked;
  }
}

/** The token of the one `Authorization` header (RFC 6750 section 2.1). */
function bearerToken(request: AdminRequest): string {
  const credentials = bearerCredentials(request);
  if (credentials.kind === 'token') return credentials.token;
  if (credentials.kind === 'malformed') throw invalidToken();
  if (credentials.kind === 'repeated') {
    throw new Problem(400, 'Send exactly one Authorization header.', {
      headers: { 'WWW-Authenticate': `${REALM}, error="invalid_request"` },
    });
  }
  // RFC 6750 section 3.1: no error code for a request without a bearer token.
  throw new Problem(401, 'This API needs an access token.', {
    headers: { 'WWW-Authenticate': REALM },
  });
}

function invalidToken(cause?: Error): Problem {
  return new Problem(401, 'The access token is not acceptable.', {
    cause,
    headers: { 'WWW-Authenticate': `${REALM}, error="invalid_token"` },
  });
}

function insufficientScope(scope: string): Problem {
  return new Problem(403, `This operation needs the scope ${scope}.`, {
    headers: { 'WWW-Authenticate': `${REALM}, error="insufficient_scope", scope="${scope}"` },
  });
}
