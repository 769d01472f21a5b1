import { Injectable } from '@nestjs/common';

import { Clock } from '../oauth/clock.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { FetchSettings } from '../tokens/guarded-fetch.js';
import { Revocations } from '../tokens/revocations.js';
import { trustedIssuerProblems } from '../tokens/trusted-issuer-rules.js';
import { TrustedIssuerConflictError, TrustedIssuerStore } from '../tokens/trusted-issuer-store.js';
import { TrustedIssuerValidator } from '../tokens/trusted-issuer-validator.js';
import { newTrustedIssuer, type TrustedIssuer } from '../tokens/trusted-issuer.js';
import { checkIfMatch } from './etag.js';
import { namedFields } from './named-fields.js';
import { invalidFields, notFound, Problem } from './problem.js';
import { issuerOf } from './trusted-issuer-view.dto.js';
import type { ChangeTrustedIssuer, CreateTrustedIssuer } from './trusted-issuer.dto.js';

/** What administrators do with trusted issuers. Every write checks the whole that would be stored. */
@Injectable()
export class TrustedIssuerAdministration {
  constructor(
    private readonly store: TrustedIssuerStore,
    private readonly validator: TrustedIssuerValidator,
    private readonly revocations: Revocations,
    private readonly settings: IssuerSettings,
    private readonly fetch: FetchSettings,
    private readonly clock: Clock,
  ) {}

  /**
   * @param id the issuer in base64url
   * @throws Problem (404)
   */
  async get(id: string): Promise<TrustedIssuer> {
    const issuer = issuerOf(id);
    const found = issuer === undefined ? null : await this.store.find(issuer);
    if (found === null) throw notFound('trusted issuer');
    return found;
  }

  /** Trusted issuers in ascending order of the issuer. */
  list(after: string | undefined, limit: number): Promise<readonly TrustedIssuer[]> {
    return this.store.list({ after, limit });
  }

  /** @throws Problem (400, 409) */
  async create({ issuer, ...fields }: CreateTrustedIssuer): Promise<TrustedIssuer> {
    const blank = newTrustedIssuer({ issuer, createdAt: this.clock.now() });
    const made = withChanges(blank, fields);
    this.#check(made);
    await this.#write(() => this.store.create(made));
    return made;
  }

  /**
   * Merges the named fields into a trusted issuer.
   * @throws Problem (400, 404, 409, 412)
   */
  async change(id: string, changes: ChangeTrustedIssuer, ifMatch?: string): Promise<TrustedIssuer> {
    const issuer = await this.get(id);
    checkIfMatch(ifMatch, issuer.version);
    return this.#update(withChanges(issuer, changes));
  }

  /**
   * Disables a trusted issuer, which revokes its tokens and all that came of them, or enables it.
   * @throws Problem (400, 404, 409)
   */
  async setDisabled(id: string, disabled: boolean): Promise<TrustedIssuer> {
    const issuer = await this.get(id);
    if (disabled) return this.#disable(issuer);
    return issuer.disabled ? this.#update({ ...issuer, disabled }) : issuer;
  }

  /** @throws Problem (404, 409) */
  async delete(id: string): Promise<void> {
    const trusted = await this.get(id);
    const { issuer } = trusted;
    // Whatever fails from here on, it is still there to be deleted again, and nobody believes it meanwhile.
    await this.#disable(trusted);
    let found = false;
    await this.#write(async () => {
      found = await this.store.delete(issuer);
    });
    if (!found) throw notFound('trusted issuer');
  }

  /**
   * First its state, then what came of it, and what still comes of it where that is not known yet: a
   * revocation holds for a second more. Also when it is disabled already, for the last time may have
   * failed in between.
   */
  async #disable(issuer: TrustedIssuer): Promise<TrustedIssuer> {
    // Not checked: a rule that is younger than the issuer must not keep it from being disabled.
    const disabled = issuer.disabled ? issuer : await this.#replace({ ...issuer, disabled: true });
    await this.revocations.revoke({ kind: 'issuer', issuer: issuer.issuer });
    return disabled;
  }

  async #update(issuer: TrustedIssuer): Promise<TrustedIssuer> {
    this.#check(issuer);
    return this.#replace(issuer);
  }

  async #replace(issuer: TrustedIssuer): Promise<TrustedIssuer> {
    const next = { ...issuer, version: issuer.version + 1 };
    await this.#write(() => this.store.update(next));
    return next;
  }

  #check(issuer: TrustedIssuer): void {
    const { allowLoopbackHttp } = this.fetch;
    const problems = trustedIssuerProblems(issuer, this.settings.issuer, allowLoopbackHttp);
    if (problems.length > 0) throw invalidFields(problems);
  }

  async #write(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw error instanceof TrustedIssuerConflictError ? conflict(error) : error;
    } finally {
      // Also after a failure: the store may have kept the write before its answer was lost.
      this.validator.forget();
    }
  }
}

function withChanges(issuer: TrustedIssuer, changes: ChangeTrustedIssuer): TrustedIssuer {
  const changed = { ...issuer, ...namedFields(changes) };
  const accepts = changed.accepts.map(({ tokenType, types, audiences }) => ({
    tokenType,
    types,
    audiences,
  }));
  return { ...changed, accepts };
}

function conflict({ conflict: what }: TrustedIssuerConflictError): Problem {
  return what === 'version'
    ? new Problem(409, 'The trusted issuer was changed meanwhile: read it again.')
    : new Problem(409, 'This issuer is trusted already.', {
        problems: [{ field: 'issuer', problem: 'is taken' }],
      });
}
