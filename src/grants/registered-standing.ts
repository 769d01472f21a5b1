import { Injectable } from '@nestjs/common';

import { AccountDirectory } from '../accounts/account-directory.js';
import { isAccountId } from '../accounts/account-rules.js';
import { AuthorizationDirectory } from '../authorization/authorization-directory.js';
import { ClientDirectory } from '../clients/client-directory.js';
import { Clock } from '../oauth/clock.js';
import { FRESH, FreshLookup } from '../oauth/fresh-lookup.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { PartyStanding } from '../tokens/party-standing.js';
import type { SecurityToken } from '../tokens/security-token.js';
import { TrustedIssuerStore } from '../tokens/trusted-issuer-store.js';
import type { TrustedIssuer } from '../tokens/trusted-issuer.js';

/**
 * Refuses tokens that name a client of ours which is disabled or gone, as their client or anywhere in
 * their chain; tokens of ours whose subject is a person of ours who is disabled or gone, or comes from
 * an issuer that is trusted no longer; and what came of an authorization that was revoked.
 */
@Injectable()
export class RegisteredStanding extends PartyStanding {
  readonly #issuers: FreshLookup<TrustedIssuer | null>;

  constructor(
    private readonly directory: ClientDirectory,
    private readonly accounts: AccountDirectory,
    private readonly authorizations: AuthorizationDirectory,
    private readonly settings: IssuerSettings,
    issuers: TrustedIssuerStore,
    clock: Clock,
  ) {
    super();
    this.#issuers = new FreshLookup((issuer) => issuers.find(issuer), clock, FRESH);
  }

  async isGood(token: SecurityToken): Promise<boolean> {
    const { issuer } = this.settings;
    const ours = new Set<string>();
    const foreign = new Set<string>();
    if (token.clientId !== undefined) {
      // A token of ours whose subject is foreign names the original application, or else our client.
      if (token.clientIssuer === issuer) ours.add(token.clientId);
      else if (token.isOwn) foreign.add(token.clientId);
    }
    for (const { iss, sub, clientId } of token.chain.actors) {
      if (iss === issuer) ours.add(clientId ?? sub);
      else if (clientId !== undefined) foreign.add(clientId);
    }
    const standings = await Promise.all([
      this.#isTrusted(token),
      this.#isAllowed(token),
      this.#isPersonActive(token),
      ...[...ours].map((clientId) => this.#isActive(clientId)),
      ...[...foreign].map((clientId) => this.#isNotDisabled(clientId)),
    ]);
    return standings.every(Boolean);
  }

  /** A token of another issuer was checked against the issuer itself; what we made of it lives on. */
  async #isTrusted({ isOwn, chain }: SecurityToken): Promise<boolean> {
    const { iss } = chain.subject;
    if (!isOwn || iss === this.settings.issuer) return true;
    const trusted = await this.#issuers.get(iss);
    return trusted !== null && !trusted.disabled;
  }

  /** What a person allowed at a sign-in here, and did not take back. */
  async #isAllowed({ isOwn, claims }: SecurityToken): Promise<boolean> {
    const authorizationId = claims['grant_id'];
    if (!isOwn || authorizationId === undefined) return true;
    if (!this.settings.hasSignIn || typeof authorizationId !== 'string') return false;
    const authorization = await this.authorizations.find(authorizationId);
    return authorization !== null && authorization.revokedAt === null;
  }

  /** Names of accounts and of clients are never the same (RFC 9068 section 5). */
  async #isPersonActive({ isOwn, chain, clientId, tokenId }: SecurityToken): Promise<boolean> {
    const { iss, sub } = chain.subject;
    if (!this.settings.hasSignIn || !isOwn || iss !== this.settings.issuer) return true;
    if (!isAccountId(sub)) return tokenId !== undefined || !(await this.#isPairwise(clientId));
    const account = await this.accounts.find(sub);
    // A client of before people signed in here may have such an id, too.
    return account === null ? this.#isActive(sub) : !account.disabled;
  }

  /** Whose names only this client knows, so that nobody else can be told whom its ID tokens are about. */
  async #isPairwise(clientId: string | undefined): Promise<boolean> {
    const client = clientId === undefined ? null : await this.directory.find(clientId);
    return client?.signIn.subjectType === 'pairwise';
  }

  async #isActive(clientId: string): Promise<boolean> {
    const client = await this.directory.find(clientId);
    return client !== null && !client.disabled;
  }

  /** Another issuer's actor may act through a client of ours, or through one that only its issuer knows. */
  async #isNotDisabled(clientId: string): Promise<boolean> {
    const client = await this.directory.find(clientId);
    return client === null || !client.disabled;
  }
}
