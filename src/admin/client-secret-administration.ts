import { Injectable } from '@nestjs/common';

import { makeClientSecret } from '../clients/client-secret.js';
import type { ClientSecret } from '../clients/client.js';
import { Clock } from '../oauth/clock.js';
import type { AdministrativeAct } from './administrative-act.js';
import { ClientAdministration } from './client-administration.js';
import type { CreateClientSecret } from './client-secret.dto.js';
import { invalidFields, notFound, Problem } from './problem.js';

/** How many secrets of a client are valid at once: the old and the new one of a rotation. */
const MOST = 2;
/** Seconds. */
const DEFAULT_OVERLAP = 86_400;
const LATEST = Date.UTC(9999, 11, 31);

/** Rotates the secrets of clients: the old and the new one overlap, so that no deployment stops. */
@Injectable()
export class ClientSecretAdministration {
  constructor(
    private readonly clients: ClientAdministration,
    private readonly clock: Clock,
  ) {}

  /**
   * Makes a secret and gives an expiry to those before it.
   * @throws Problem (400, 403, 404, 409)
   */
  async create(
    clientId: string,
    asked: CreateClientSecret,
    act: AdministrativeAct,
  ): Promise<{ secret: string; kept: ClientSecret }> {
    const client = await this.clients.get(clientId);
    if (client.kind === 'public') throw new Problem(409, 'A public client has no secret.');
    const now = this.clock.now();
    const made = makeClientSecret(now, expiryOf(asked, now));
    const previousEnd = now + (asked.previousExpiresIn ?? DEFAULT_OVERLAP) * 1000;
    const previous = client.secrets
      .map((secret) => ({
        ...secret,
        expiresAt: Math.min(secret.expiresAt ?? LATEST, previousEnd),
      }))
      .filter((secret) => secret.expiresAt > now);
    if (previous.length >= MOST) {
      throw new Problem(409, 'Two secrets are valid already: delete one, or let one expire.');
    }
    await this.clients.update({ ...client, secrets: [...previous, made.kept] }, act);
    return made;
  }

  /** @throws Problem (403, 404, 409) */
  async delete(clientId: string, secretId: string, act: AdministrativeAct): Promise<void> {
    const client = await this.clients.get(clientId);
    const secrets = client.secrets.filter((secret) => secret.id !== secretId);
    if (secrets.length === client.secrets.length) throw notFound('secret');
    await this.clients.update({ ...client, secrets }, act);
  }
}

function expiryOf({ expiresAt, expiresIn }: CreateClientSecret, now: number): number | null {
  if (expiresAt !== undefined && expiresIn !== undefined) {
    throw invalidFields([{ field: 'expiresIn', problem: 'must not be named beside expiresAt' }]);
  }
  if (expiresIn !== undefined) return now + expiresIn * 1000;
  if (expiresAt === undefined) return null;
  const time = Date.parse(expiresAt);
  if (time > now && time <= LATEST) return time;
  throw invalidFields([{ field: 'expiresAt', problem: 'must be a time in the future' }]);
}
