import { Injectable } from '@nestjs/common';

import { ClientDirectory } from './client-directory.js';
import type { Client } from './client.js';
import { tokenFormOf } from './requester.js';
import type { Target } from '../delegation/exchange-request.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { InvalidTargetError } from '../oauth/oauth-error.js';
import { checkTargets } from '../oauth/resource.js';
import type { RequestParameters } from '../oauth/request-parameters.js';

const MAX_EACH = 8;

/** Finds who answers to the identifiers that a request names (RFC 8693 section 2.1, RFC 8707). */
@Injectable()
export class Targets {
  constructor(
    private readonly directory: ClientDirectory,
    private readonly settings: IssuerSettings,
  ) {}

  /**
   * Every target that `resource` and `audience` name, once each; the client's default when they name none.
   * @throws InvalidTargetError when one is malformed or unknown, or there are too many or none
   */
  async find(client: Client, parameters: RequestParameters): Promise<readonly Target[]> {
    const resources = parameters.all('resource');
    const audiences = parameters.all('audience');
    if (resources.length > MAX_EACH || audiences.length > MAX_EACH) {
      throw new InvalidTargetError('too_many_targets', 'Too many targets are requested.');
    }
    checkTargets(resources, audiences);
    const named = new Set([...resources, ...audiences]);
    if (named.size === 0 && client.defaultTarget !== null) named.add(client.defaultTarget);
    if (named.size === 0)
      throw new InvalidTargetError('target_missing', 'Name a target with resource or audience.');
    return this.of([...named]);
  }

  /**
   * The targets with these identifiers.
   * @throws InvalidTargetError when one is unknown
   */
  of(identifiers: readonly string[]): Promise<readonly Target[]> {
    return Promise.all(identifiers.map((identifier) => this.#find(identifier)));
  }

  /**
   * The same as a person reaches them: interfaces of this server that go by
   * roles offer what the person's roles allow.
   * @throws InvalidTargetError when one is unknown
   */
  async ofPerson(
    identifiers: readonly string[],
    roles: readonly string[],
  ): Promise<readonly Target[]> {
    const targets = await this.of(identifiers);
    return targets.map((target) => {
      const own = this.settings.ownTarget(target.identifier);
      if (own?.scopesOfRoles === undefined) return target;
      const { scopesOfRoles } = own;
      return {
        ...target,
        offeredScope: new Set(roles.flatMap((role) => scopesOfRoles[role] ?? [])),
      };
    });
  }

  async #find(identifier: string): Promise<Target> {
    const own = this.settings.ownTarget(identifier);
    if (own) return { identifier, clientId: undefined, offeredScope: new Set(own.offeredScopes) };
    const owner = await this.directory.findByIdentifier(identifier);
    if (owner === null || owner.disabled) {
      throw new InvalidTargetError('target_unknown', 'A requested target is not acceptable.');
    }
    return {
      identifier,
      clientId: owner.clientId,
      offeredScope: new Set(owner.offeredScopes),
      tokenForm: tokenFormOf(owner, owner.accessTokens.takes),
    };
  }
}
