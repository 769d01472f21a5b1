import { GrantType } from '../../src/oauth/grant-type.js';
import { TokenType } from '../../src/oauth/token-type.js';
import { tokenOf, type ServiceAnswer, type ServiceDoor } from './running-service.js';

const SCOPES = ['address:read'];

/** Who acts, in turn. */
export const ACTORS = ['gateway', 'address_service'] as const;

export type ActorName = (typeof ACTORS)[number];

/** Clients that hand a right on at a running service: web, gateway, address_service, postal_service. */
export class ServiceChain {
  readonly #secrets = new Map<string, string>();

  /** A token for the admin API. */
  administrator = '';

  /** Registers them. */
  static async register(service: ServiceDoor, adminSecret: string): Promise<ServiceChain> {
    const chain = new ServiceChain();
    await chain.renew(service, adminSecret);
    for (const [clientId, target, grantType] of [
      ['postal_service', undefined, GrantType.ClientCredentials],
      ['address_service', 'postal_service', GrantType.TokenExchange],
      ['gateway', 'address_service', GrantType.TokenExchange],
      ['web', 'gateway', GrantType.ClientCredentials],
    ] as const)
      await chain.#create(service, {
        clientId,
        grantTypes: [grantType],
        scopes: SCOPES,
        offeredScopes: SCOPES,
        targets: target === undefined ? [] : [target],
        defaultTarget: target ?? null,
      });
    return chain;
  }

  /** Gets another token for the admin API. */
  async renew(service: ServiceDoor, adminSecret: string): Promise<void> {
    const grant = { grant_type: GrantType.ClientCredentials };
    this.administrator = tokenOf(await service.token(grant, 'admin_cli', adminSecret));
  }

  secretOf(clientId: string): string {
    return this.#secrets.get(clientId) ?? '';
  }

  /** A token of `web` for `gateway`. */
  root(service: ServiceDoor): Promise<ServiceAnswer> {
    const grant = { grant_type: GrantType.ClientCredentials };
    return service.token(grant, 'web', this.secretOf('web'));
  }

  /** An exchange by one of the actors, for the next. */
  exchange(
    service: ServiceDoor,
    actor: ActorName,
    token: string,
    type: string = TokenType.AccessToken,
  ): Promise<ServiceAnswer> {
    const form = {
      grant_type: GrantType.TokenExchange,
      subject_token: token,
      subject_token_type: type,
    };
    return service.token(form, actor, this.secretOf(actor));
  }

  /** Asks about a token, as its audience or its client. */
  introspect(service: ServiceDoor, clientId: string, token: string): Promise<ServiceAnswer> {
    return this.#send(service, '/connect/introspect', clientId, token);
  }

  /** Revokes a token, as who got it. */
  revoke(service: ServiceDoor, clientId: string, token: string): Promise<ServiceAnswer> {
    return this.#send(service, '/connect/revocation', clientId, token);
  }

  #send(
    service: ServiceDoor,
    path: string,
    clientId: string,
    token: string,
  ): Promise<ServiceAnswer> {
    const credentials = Buffer.from(`${clientId}:${this.secretOf(clientId)}`).toString('base64');
    return service.send(path, {
      method: 'POST',
      headers: { authorization: `Basic ${credentials}` },
      body: { token },
    });
  }

  async #create(service: ServiceDoor, client: Readonly<Record<string, unknown>>): Promise<void> {
    const body = { name: String(client['clientId']), ...client };
    const answer = await service.admin(this.administrator, 'POST', '/clients', body);
    if (answer.status !== 201) throw new Error(`${answer.status}: ${answer.text}`);
    const made = answer.body['newSecret'] as { readonly secret: string } | undefined;
    if (made !== undefined) this.#secrets.set(String(client['clientId']), made.secret);
  }
}
