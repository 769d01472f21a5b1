import { randomUUID } from 'node:crypto';

import { Injectable } from '@nestjs/common';

import { AuthorizationDirectory } from '../authorization/authorization-directory.js';
import { AuthorizationStore } from '../authorization/authorization-store.js';
import { ConsentStore } from '../authorization/consent-store.js';
import { ClientDirectory } from '../clients/client-directory.js';
import { clientProblems, type ClientProblem } from '../clients/client-rules.js';
import { makeClientSecret } from '../clients/client-secret.js';
import { ClientConflictError, ClientStore } from '../clients/client-store.js';
import { identifiersOf, newClient, type Client } from '../clients/client.js';
import { Clock } from '../oauth/clock.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { Revocations } from '../tokens/revocations.js';
import { adminAudience } from './admin-scopes.js';
import type { AdministrativeAct } from './administrative-act.js';
import type { ChangeClient, CreateClient } from './client.dto.js';
import { checkIfMatch } from './etag.js';
import { namedFields } from './named-fields.js';
import { invalidFields, notFound, Problem } from './problem.js';
import { checkReachOverClient, checkReachOverEverything } from './reach.js';

const CLIENT_ID = /^[A-Za-z0-9_-]{1,128}$/;
/** Clients that the service makes for administrators: whoever makes one under their names must be as strong. */
const RESERVED: ReadonlySet<string> = new Set(['admin_cli', 'swagger-ui']);

/** What administrators do with clients. Every write checks the whole client that would be stored. */
@Injectable()
export class ClientAdministration {
  constructor(
    private readonly store: ClientStore,
    private readonly authorizations: AuthorizationStore,
    private readonly authorizationDirectory: AuthorizationDirectory,
    private readonly consents: ConsentStore,
    private readonly directory: ClientDirectory,
    private readonly revocations: Revocations,
    private readonly settings: IssuerSettings,
    private readonly clock: Clock,
  ) {}

  /** @throws Problem (404) */
  async get(clientId: string): Promise<Client> {
    const client = CLIENT_ID.test(clientId) ? await this.store.find(clientId) : null;
    if (client === null) throw notFound('client');
    return client;
  }

  /** Clients in ascending order of their ids. */
  list(after: string | undefined, limit: number): Promise<readonly Client[]> {
    return this.store.list({ after, limit });
  }

  /**
   * Makes a client; a confidential one that has grants gets its first secret.
   * @throws Problem (400, 403, 409)
   */
  async create(
    {
      // Without hyphens, so that it cannot be the id of an account.
      clientId = randomUUID().replaceAll('-', ''),
      kind = 'confidential',
      ...fields
    }: CreateClient,
    act: AdministrativeAct,
  ): Promise<{ client: Client; secret: string | undefined }> {
    const now = this.clock.now();
    const blank = newClient({ clientId, kind, createdAt: now });
    const client = withChanges(blank, fields);
    const { secret, kept } = makeClientSecret(now, null);
    const needsSecret = kind === 'confidential' && client.grantTypes.length > 0;
    const made = needsSecret ? { ...client, secrets: [kept] } : client;
    this.#check(made);
    this.#checkReach(act, made);
    if (RESERVED.has(clientId)) checkReachOverEverything(act);
    await this.#write(() => this.store.create(made));
    return { client: made, secret: needsSecret ? secret : undefined };
  }

  /**
   * Merges the named fields into a client.
   * @throws Problem (400, 403, 404, 409, 412)
   */
  async change(
    clientId: string,
    changes: ChangeClient,
    act: AdministrativeAct,
    ifMatch?: string,
  ): Promise<Client> {
    const client = await this.get(clientId);
    checkIfMatch(ifMatch, client.version);
    this.#checkReach(act, client);
    return this.update(withChanges(client, changes), act);
  }

  /**
   * Disables a client, which revokes every token that it had a part in, or enables it.
   * @throws Problem (403, 404, 409)
   */
  async setDisabled(clientId: string, disabled: boolean, act: AdministrativeAct): Promise<Client> {
    const client = await this.get(clientId);
    this.#checkReach(act, client);
    if (disabled) return this.#disable(client);
    return client.disabled ? this.#replace({ ...client, disabled }) : client;
  }

  /**
   * Stores a changed client, as it was read, as its next version.
   * @throws Problem (400, 403, 409)
   */
  async update(client: Client, act: AdministrativeAct): Promise<Client> {
    this.#checkReach(act, client);
    // Its id never changes: one that could not be given any more must not keep it as it is.
    this.#check(client, ({ field }) => field !== 'clientId');
    return this.#replace(client);
  }

  /** @throws Problem (403, 404, 409) */
  async delete(clientId: string, act: AdministrativeAct): Promise<void> {
    const client = await this.get(clientId);
    this.#checkReach(act, client);
    // Whatever fails from here on, it is still there to be deleted again, and gets nothing meanwhile.
    await this.#disable(client);
    let found = false;
    await this.#write(async () => {
      // First what people allowed it: if that fails it is still there to be deleted again. And once
      // more, for what was allowed meanwhile: another client may get its id one day.
      await this.#endAuthorizations(client.clientId);
      found = await this.store.delete(client.clientId);
      await this.#endAuthorizations(client.clientId);
    });
    if (!found) throw notFound('client');
  }

  /**
   * First its state, so that nothing is issued any more; then what was, and what an instance issues that
   * has not heard of it: a revocation holds for a second more. Also when it is disabled already, for the
   * last time may have failed in between.
   */
  async #disable(client: Client): Promise<Client> {
    // Not checked: a rule that is younger than the client must not keep it from being disabled.
    const disabled = client.disabled ? client : await this.#replace({ ...client, disabled: true });
    await this.revocations.revoke({ kind: 'client', clientId: client.clientId });
    return disabled;
  }

  async #endAuthorizations(clientId: string): Promise<void> {
    await this.authorizations.revokeAll({ clientId }, this.clock.now());
    this.authorizationDirectory.forget();
    await this.consents.deleteAllOf(clientId);
  }

  async #replace(client: Client): Promise<Client> {
    const next = { ...client, version: client.version + 1 };
    await this.#write(() => this.store.update(next));
    return next;
  }

  #checkReach(act: AdministrativeAct, client: Client): void {
    checkReachOverClient(act, adminAudience(this.settings.issuer), client);
  }

  #check(client: Client, matters: (problem: ClientProblem) => boolean = () => true): void {
    const problems = clientProblems(client).filter(matters);
    if (identifiersOf(client).some((identifier) => this.settings.isProtected(identifier))) {
      problems.push({ field: 'identifiers', problem: 'must not be those of this server' });
    }
    if (problems.length > 0) throw invalidFields(problems);
  }

  async #write(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw error instanceof ClientConflictError ? conflict(error) : error;
    } finally {
      // Also after a failure: the store may have kept the write before its answer was lost.
      this.directory.forget();
    }
  }
}

function withChanges(
  client: Client,
  { accessTokens = {}, exchange = {}, signIn = {}, ...fields }: ChangeClient,
): Client {
  const changed = { ...client.exchange, ...namedFields(exchange) };
  const actorIdentities = changed.actorIdentities.map(({ iss, sub }) => ({ iss, sub }));
  return {
    ...client,
    ...namedFields(fields),
    accessTokens: { ...client.accessTokens, ...namedFields(accessTokens) },
    exchange: { ...changed, actorIdentities },
    signIn: { ...client.signIn, ...namedFields(signIn) },
  };
}

function conflict({ conflict: what }: ClientConflictError): Problem {
  if (what === 'version')
    return new Problem(409, 'The client was changed meanwhile: read it again.');
  const [field, problem] =
    what === 'client_id'
      ? ['clientId', 'is taken, as an id or an identifier']
      : ['identifiers', 'are taken in part by another client'];
  return new Problem(409, 'Another client has this name.', { problems: [{ field, problem }] });
}
