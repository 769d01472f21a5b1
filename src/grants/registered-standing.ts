import { Injectable } from '@nestjs/common';

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
 * their chain, and tokens of ours whose subject comes from an issuer that is trusted no longer.
 */
@Injectable()
export class ClientStanding extends PartyStanding {
  readonly #issuers: FreshLookup<TrustedIssuer | null>;

  constructor(
    private readonly directory: ClientDirectory,
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
