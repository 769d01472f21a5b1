import { UNKNOWN_ORIGIN } from '../delegation/lineage.js';
import { Injectable } from '@nestjs/common';

import { requesterOf } from '../clients/requester.js';
import { clientSettingsPolicies } from '../delegation/client-settings-policies.js';
import { DelegationChain } from '../delegation/delegation-chain.js';
import type { ExchangeRequest, Requester } from '../delegation/exchange-request.js';
import { PolicySet } from '../delegation/policy-set.js';
import { PolicyStore } from '../delegation/policy-store.js';
import type { Policy } from '../delegation/policy.js';
import { Clock, epochSeconds } from '../oauth/clock.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { EMPTY_SCOPE } from '../oauth/scope.js';
import { TokenType } from '../oauth/token-type.js';
import { ClientAdministration } from './client-administration.js';
import { TrustedIssuerStore } from '../tokens/trusted-issuer-store.js';
import { termsOf, type TrustedIssuer } from '../tokens/trusted-issuer.js';
import type { ClientRights, IssuerRightsView, RightView } from './client-rights.dto.js';
import { documentOf } from './policy-view.dto.js';

/** What clients may do as actors, and why. */
@Injectable()
export class ClientRightsReader {
  constructor(
    private readonly clients: ClientAdministration,
    private readonly store: PolicyStore,
    private readonly issuers: TrustedIssuerStore,
    private readonly settings: IssuerSettings,
    private readonly clock: Clock,
  ) {}

  /**
   * The policies in force that speak of a client, its own settings among them.
   * @throws Problem (404)
   */
  async of(clientId: string): Promise<ClientRights> {
    const client = await this.clients.get(clientId);
    const now = epochSeconds(this.clock.now());
    const requester = requesterOf(client, this.settings.issuer);
    const speaking = await this.#speakingOf(requester, now);
    const stored = speaking
      .filter((policy) => isInForce(policy, now))
      .map((policy) => viewRight(policy, { derived: false, takenOver: [] }));
    // Also by one that is not in force: its targets are its own all the same.
    const taken = speaking.filter(({ effect }) => effect === 'allow').flatMap(targetsOf);
    const derived = clientSettingsPolicies(requester).map((policy) => {
      const takenOver = targetsOf(policy).filter((target) => taken.includes(target));
      return viewRight(policy, { derived: true, takenOver });
    });
    const items = [...stored, ...derived].toSorted(byId);
    return { clientId, groups: client.groups, items, issuers: await this.#issuersOf(items) };
  }

  /** What the other issuers are trusted with whose tokens the rights are about. */
  async #issuersOf(rights: readonly RightView[]): Promise<readonly IssuerRightsView[]> {
    const named = rights
      .filter(({ effect }) => effect === 'allow')
      .flatMap(({ subject }) => subject.issuers ?? [])
      .filter((issuer) => issuer !== this.settings.issuer);
    const issuers = [...new Set(named)].toSorted();
    return Promise.all(
      issuers.map(async (each) => viewIssuer(each, await this.issuers.find(each))),
    );
  }

  /** The stored policies that name the client, as those know who decide. */
  async #speakingOf(requester: Requester, now: number): Promise<readonly Policy[]> {
    const policies = (await this.store.list()).map(({ policy }) => policy);
    const { considered } = new PolicySet(policies).explain(blankRequest(requester, now));
    const names = new Set(considered.map(({ policy }) => policy));
    return policies.filter(({ policyId }) => names.has(policyId));
  }
}

/** A request of a client that asks for nothing. */
function blankRequest(requester: Requester, now: number): ExchangeRequest {
  const { party, clientId } = requester;
  const subjectToken = {
    issuer: party.iss,
    isOwn: true,
    clientId,
    clientIssuer: party.iss,
    audience: [clientId],
    scope: EMPTY_SCOPE,
    expiresAt: now,
    chain: DelegationChain.of(party),
    mayAct: undefined,
    acr: undefined,
    authTime: undefined,
    claims: {},
    tokenId: undefined,
    ...UNKNOWN_ORIGIN,
  };
  return {
    now,
    requester,
    subjectToken,
    actorToken: undefined,
    actor: party,
    targets: [],
    requestedScope: undefined,
    requestedTokenType: TokenType.AccessToken,
    chainLifetime: 0,
  };
}

function viewRight(policy: Policy, about: Pick<RightView, 'derived' | 'takenOver'>): RightView {
  return Object.assign(documentOf(policy), { version: policy.version }, about);
}

function viewIssuer(issuer: string, trusted: TrustedIssuer | null): IssuerRightsView {
  const nothing = { version: null, trustsChains: false, scopes: [], impliedScopes: [] };
  if (trusted === null) return { issuer, standing: 'unknown', ...nothing };
  return { issuer, standing: trusted.disabled ? 'disabled' : 'trusted', ...termsOf(trusted) };
}

function isInForce({ validity }: Policy, now: number): boolean {
  return now >= (validity?.from ?? -Infinity) && now < (validity?.until ?? Infinity);
}

function targetsOf({ targets = [] }: Policy): readonly string[] {
  return targets;
}

function byId(a: RightView, b: RightView): number {
  if (a.policyId === b.policyId) return 0;
  return a.policyId < b.policyId ? -1 : 1;
}
