import { Injectable } from '@nestjs/common';

import { ClientDirectory } from '../clients/client-directory.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { PartyStanding } from '../tokens/party-standing.js';
import type { SecurityToken } from '../tokens/security-token.js';

/** Refuses tokens that name a client of ours which is disabled or gone: as their client or anywhere in their chain. */
@Injectable()
export class ClientStanding extends PartyStanding {
  constructor(
    private readonly directory: ClientDirectory,
    private readonly settings: IssuerSettings,
  ) {
    super();
  }

  async isGood(token: SecurityToken): Promise<boolean> {
    const named = new Set<string>();
    if (token.clientId !== undefined && token.clientIssuer === this.settings.issuer)
      named.add(token.clientId);
    for (const actor of token.chain.actors) {
      if (actor.clientId !== undefined) named.add(actor.clientId);
      else if (actor.iss === this.settings.issuer) named.add(actor.sub);
    }
    const clients = await Promise.all([...named].map((clientId) => this.directory.find(clientId)));
    return clients.every((client) => client !== null && !client.disabled);
  }
}
