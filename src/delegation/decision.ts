import type { JsonObject } from '../oauth/claims.js';
import type { OAuthError } from '../oauth/oauth-error.js';
import {
  InsufficientAuthenticationError,
  InvalidRequestError,
  InvalidScopeError,
  InvalidTargetError,
} from '../oauth/oauth-error.js';
import { REFUSAL_REASONS, type RefusalReason } from '../oauth/refusal-reason.js';
import { intersectScopes, isScopeWithin, type Scope } from '../oauth/scope.js';
import { Actor } from './actor.js';
import { DelegationChain } from './delegation-chain.js';
import type { DelegationPolicy } from './delegation-policy.js';
import {
  MAX_DEPTH,
  type ExchangeRequest,
  type PresentedToken,
  type Requester,
  type Target,
  type TokenForm,
} from './exchange-request.js';
import { broughtScope, isChainBelieved } from './issuer-settings.js';
import { isSameParty, type Party } from './party.js';
import { translated } from './policy-checks.js';
import { Lineage } from './lineage.js';
import { isPolicyId } from './policy-rules.js';
import type { TokenId } from './token-id.js';
import type { ActingMode, Allowed, Basis, Refused, Verdict } from './verdict.js';

/** What an issued token will say besides what the policy decides. */
export interface ExchangeOptions {
  readonly tokenId: TokenId;
  /** The `client_id` it will name. */
  readonly clientId: string;
  /** Claims that the deployment adds to a new actor's link. */
  readonly actorClaims?: JsonObject | undefined;
  /** Told the basis of the verdict, whichever it is. */
  readonly heard?: ((basis: Basis) => void) | undefined;
}

/** What a client asks for in its own name (RFC 6749 section 4.4). */
export interface OwnRequest {
  /** Seconds since the epoch. */
  readonly now: number;
  readonly tokenId: TokenId;
  readonly requester: Requester;
  readonly targets: readonly Target[];
  readonly requestedScope: Scope | undefined;
}

/** What a client asks for in the name of a person who allowed it (RFC 6749 section 4.1). */
export interface PersonRequest {
  /** Seconds since the epoch. */
  readonly now: number;
  readonly tokenId: TokenId;
  readonly person: Party;
  /** The client that the person allowed it to. */
  readonly requester: Requester;
  readonly targets: readonly Target[];
  /** Everything that the person allowed. */
  readonly authorizedScope: Scope;
  readonly requestedScope: Scope | undefined;
  readonly signIn: SignInFacts;
}

/** How the person signed in when they allowed it. */
export interface SignInFacts {
  /** Seconds since the epoch. */
  readonly authTime: number;
  readonly acr: string;
  readonly amr: readonly string[];
  readonly sid: string;
  /** A UUID: what they allowed. */
  readonly grantId: string;
}

interface DecisionFields {
  readonly tokenId: TokenId;
  readonly mode: ActingMode | 'own';
  readonly chain: DelegationChain;
  readonly lineage: Lineage;
  readonly form: TokenForm;
  readonly clientId: string;
  readonly audience: readonly string[];
  readonly scope: Scope;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly basis: Basis;
  readonly subjectToken: PresentedToken | undefined;
  readonly subjectClaims: JsonObject;
  readonly reauthorized?: Allowed['reauthorized'];
  readonly quota?: Allowed['quota'];
}

/**
 * That something may be issued, and exactly what: the only thing the token issuer takes. Nobody
 * can make one but the factories here, which ask the policy and then check again that nothing of
 * the subject token is widened and its chain is kept.
 */
export class Decision {
  readonly #fields: DecisionFields;

  private constructor(fields: DecisionFields) {
    this.#fields = fields;
  }

  /**
   * Refuses what only looks like a decision.
   * @throws TypeError
   */
  static require(decision: Decision): void {
    if (!(#fields in decision)) throw new TypeError('Nothing is issued without a decision');
  }

  /**
   * Asks the policy about an exchange.
   * @throws OAuthError when it refuses, or allows more than the tokens, their issuers, the client and the
   *   targets hold (reason `policy_widened`); TypeError when its answer is no verdict
   */
  static async ofExchange(
    policy: DelegationPolicy,
    request: ExchangeRequest,
    options: ExchangeOptions,
  ): Promise<Decision> {
    const verdict: unknown = await policy.decide(request);
    if (!isVerdict(verdict)) throw new TypeError('The delegation policy did not give a verdict');
    options.heard?.(verdict.basis);
    if (verdict.outcome !== 'allowed') throw refusal(namedReason(verdict), verdict.stepUp);
    const chain = resultingChain(request, verdict.mode, options.actorClaims);
    if (!isWithin(verdict, request, chain)) throw refusal('policy_widened');
    const lineage = resultingLineage(request, verdict.basis, options.clientId, chain);
    if (lineage.isTooLong) throw refusal('lineage_too_long');
    return new Decision({
      tokenId: options.tokenId,
      mode: verdict.mode,
      chain,
      lineage,
      form: resultingForm(request),
      clientId: options.clientId,
      audience: [...verdict.audience],
      scope: new Set(verdict.scope),
      issuedAt: request.now,
      expiresAt: verdict.expiresAt,
      basis: verdict.basis,
      subjectToken: request.subjectToken,
      subjectClaims: request.subjectToken.claims,
      reauthorized: verdict.reauthorized,
      quota: verdict.quota,
    });
  }

  /**
   * Decides what a client gets in its own name: what is registered for it and for the targets.
   * @throws InvalidTargetError, InvalidScopeError
   */
  static ofClient(request: OwnRequest, heard?: (basis: Basis) => void): Decision {
    const { requester, targets, requestedScope, now } = request;
    const basis: Basis = { policy: 'client-settings', version: '1', rule: 'own-right' };
    heard?.(basis);
    if (targets.length === 0) throw refusal('target_missing');
    if (targets.length > requester.exchange.maxTargets) throw refusal('too_many_targets');
    if (!targets.every((target) => requester.targets.includes(target.identifier)))
      throw refusal('target_not_allowed');
    const ceiling = intersectScopes(
      requester.scope,
      ...targets.map((target) => target.offeredScope),
    );
    if (requestedScope && !isScopeWithin(requestedScope, ceiling))
      throw refusal('scope_not_allowed');
    const scope = requestedScope ?? ceiling;
    if (scope.size === 0) throw refusal('scope_empty');
    return new Decision({
      tokenId: request.tokenId,
      mode: 'own',
      chain: DelegationChain.of(requester.party),
      lineage: Lineage.NONE,
      form: resultingForm(request),
      clientId: requester.clientId,
      audience: targets.map((target) => target.identifier),
      scope,
      issuedAt: now,
      expiresAt: now + requester.tokenLifetime,
      basis,
      subjectToken: undefined,
      subjectClaims: {},
    });
  }

  /**
   * Decides what a client gets in the name of a person: what the person allowed it, as far as it is
   * registered for the client and for a target.
   * @throws InvalidTargetError, InvalidScopeError
   */
  static ofPerson(request: PersonRequest, heard?: (basis: Basis) => void): Decision {
    const { requester, targets, requestedScope, now, person, signIn } = request;
    const basis: Basis = { policy: 'client-settings', version: '1', rule: 'person-allowed' };
    heard?.(basis);
    if (targets.length === 0) throw refusal('target_missing');
    if (!targets.every((target) => requester.targets.includes(target.identifier)))
      throw refusal('target_not_allowed');
    // An interface of ours, such as the one that tells about the person, comes on top.
    const services = targets.filter((target) => target.clientId !== undefined);
    if (services.length > requester.exchange.maxTargets) throw refusal('too_many_targets');
    const offered = new Set(targets.flatMap((target) => [...target.offeredScope]));
    const ceiling = intersectScopes(request.authorizedScope, requester.scope, offered);
    const scope = requestedScope ?? ceiling;
    if (!isScopeWithin(scope, ceiling)) throw refusal('scope_not_allowed');
    if (scope.size === 0) throw refusal('scope_empty');
    return new Decision({
      tokenId: request.tokenId,
      mode: 'own',
      chain: DelegationChain.of(person),
      lineage: Lineage.NONE,
      form: resultingForm(request),
      clientId: requester.clientId,
      audience: targets.map((target) => target.identifier),
      scope: new Set(scope),
      issuedAt: now,
      expiresAt: now + requester.tokenLifetime,
      basis,
      subjectToken: undefined,
      subjectClaims: {
        auth_time: signIn.authTime,
        acr: signIn.acr,
        amr: [...signIn.amr],
        sid: signIn.sid,
        grant_id: signIn.grantId,
      },
    });
  }

  /** The `jti` that the issued token will have. */
  get tokenId(): TokenId {
    return this.#fields.tokenId;
  }

  get mode(): ActingMode | 'own' {
    return this.#fields.mode;
  }

  /** The chain that the issued token will tell. */
  get chain(): DelegationChain {
    return this.#fields.chain;
  }

  /** What the issued token comes of. */
  get lineage(): Lineage {
    return this.#fields.lineage;
  }

  /** What it will look like: the most careful of what its client and its targets want. */
  get form(): TokenForm {
    return this.#fields.form;
  }

  /** The `client_id` that the issued token will name. */
  get clientId(): string {
    return this.#fields.clientId;
  }

  get audience(): readonly string[] {
    return this.#fields.audience;
  }

  get scope(): Scope {
    return this.#fields.scope;
  }

  /** Seconds since the epoch. */
  get issuedAt(): number {
    return this.#fields.issuedAt;
  }

  /** Seconds since the epoch. */
  get expiresAt(): number {
    return this.#fields.expiresAt;
  }

  /** What values of the subject token were said to mean at the targets, when they mean something else there. */
  get reauthorized(): Allowed['reauthorized'] {
    return this.#fields.reauthorized;
  }

  /** How often the policy may be used; whoever issues must take from it before. */
  get quota(): Allowed['quota'] {
    return this.#fields.quota;
  }

  get basis(): Basis {
    return this.#fields.basis;
  }

  /** The checked token that this continues; undefined for a client's own right and a person's sign-in. */
  get subjectToken(): PresentedToken | undefined {
    return this.#fields.subjectToken;
  }

  /** Claims of the subject's sign-in that the token carries over. */
  get subjectClaims(): JsonObject {
    return this.#fields.subjectClaims;
  }
}

function resultingChain(
  request: ExchangeRequest,
  mode: ActingMode,
  actorClaims?: JsonObject,
): DelegationChain {
  const { chain } = request.subjectToken;
  const current = chain.currentActor;
  if (mode !== 'delegation' || (current && isSameParty(current, request.actor))) return chain;
  return chain.extend(Actor.of(request.actor, request.requester.clientId, actorClaims));
}

/** The tokens that were presented, and whoever had a part without being named in the result. */
function resultingLineage(
  request: ExchangeRequest,
  basis: Basis,
  application: string,
  chain: DelegationChain,
): Lineage {
  const { subjectToken, actorToken, requester } = request;
  const ancestors = [subjectToken, ...(actorToken ? [actorToken] : [])];
  const { iss } = requester.party;
  const named = [application, ...namesOf(chain, iss)];
  const applications = ancestors
    .filter(({ clientIssuer }) => clientIssuer === iss)
    .map(({ clientId }) => clientId);
  const clients = [requester.clientId, ...applications]
    .filter((each) => each !== undefined)
    .filter((each) => !named.includes(each));
  const chainId = actorToken?.tokenId?.chainId;
  return Lineage.of(ancestors, {
    policy: isPolicyId(basis.policy) ? basis : undefined,
    clients,
    chains: chainId === undefined || chainId === subjectToken.tokenId?.chainId ? [] : [chainId],
    askedBy: saysWhoAsked(request, application, chain) ? undefined : requester.clientId,
  });
}

/** Whether the result itself says that it was issued to the requester. */
function saysWhoAsked(
  { requester, actor }: ExchangeRequest,
  application: string,
  { currentActor }: DelegationChain,
): boolean {
  if (currentActor === undefined) return application === requester.clientId;
  return (
    isSameParty(currentActor, actor) &&
    (currentActor.clientId ?? currentActor.sub) === requester.clientId
  );
}

function resultingForm({
  requester,
  targets,
}: Pick<ExchangeRequest, 'requester' | 'targets'>): TokenForm {
  const wanted = [requester, ...targets].map(({ tokenForm }) => tokenForm);
  return {
    isOpaque: wanted.some((form) => form?.isOpaque === true),
    hasStatus: wanted.some((form) => form?.hasStatus === true),
  };
}

/** Clients of ours that a chain names; a name at another issuer is nobody's here, unless it acts through a client. */
function namesOf({ actors }: DelegationChain, issuer: string): readonly (string | undefined)[] {
  return actors.map(({ iss, clientId, sub }) => clientId ?? (iss === issuer ? sub : undefined));
}

const MODES: ReadonlySet<unknown> = new Set<ActingMode>(['delegation', 'impersonation', 'self']);

/** Whether a policy of somebody else's answered in the form that it promises. */
function isVerdict(answer: unknown): answer is Verdict {
  if (typeof answer !== 'object' || answer === null) return false;
  const { outcome, basis, mode, audience, scope } = answer as Record<keyof Allowed, unknown>;
  if (!isBasis(basis)) return false;
  if (outcome === 'refused') return true;
  return (
    outcome === 'allowed' && MODES.has(mode) && Array.isArray(audience) && scope instanceof Set
  );
}

/** Nothing is decided without a basis that an auditor can read. */
function isBasis(basis: unknown): basis is Basis {
  if (typeof basis !== 'object' || basis === null) return false;
  const { policy, version, rule } = basis as Record<keyof Basis, unknown>;
  return [policy, version, rule].every((each) => typeof each === 'string' && each !== '');
}

/** The reason of a refusal; one that no record knows is the policy's own. */
function namedReason({ reason }: Refused): RefusalReason {
  return REFUSAL_REASONS.includes(reason) ? reason : 'policy_refused';
}

/** The invariant of every exchange, whatever a policy said. */
function isWithin(verdict: Allowed, request: ExchangeRequest, chain: DelegationChain): boolean {
  const { subjectToken, actorToken, actor, requester, targets, now } = request;
  const asked = new Set(targets.map((target) => target.identifier));
  const selfActing = isSameParty(actor, subjectToken.chain.subject);
  return (
    isChainBelieved(subjectToken) &&
    subjectToken.chain.isKeptBy(chain) &&
    chain.depth <= MAX_DEPTH &&
    (verdict.mode === 'self' ? selfActing && chain.depth === 0 : !selfActing) &&
    (verdict.mode !== 'impersonation' || actorToken === undefined) &&
    (subjectToken.mayAct === undefined || subjectToken.mayAct.names(actor)) &&
    verdict.audience.length > 0 &&
    verdict.audience.length === asked.size &&
    new Set(verdict.audience).size === asked.size &&
    verdict.audience.every((identifier) => asked.has(identifier)) &&
    verdict.scope.size > 0 &&
    isScopeWithin(verdict.scope, translated(broughtScope(subjectToken), verdict.reauthorized)) &&
    isScopeWithin(verdict.scope, requester.scope) &&
    targets.every(({ offeredScope }) => isScopeWithin(verdict.scope, offeredScope)) &&
    (request.requestedScope === undefined ||
      isScopeWithin(verdict.scope, request.requestedScope)) &&
    Number.isInteger(verdict.expiresAt) &&
    verdict.expiresAt > now &&
    verdict.expiresAt <= now + request.chainLifetime &&
    verdict.expiresAt <= subjectToken.expiresAt &&
    (actorToken === undefined || verdict.expiresAt <= actorToken.expiresAt)
  );
}

/** The answer that belongs to a reason; it tells a stranger its class only (RFC 8693 section 2.2.2). */
function refusal(reason: RefusalReason, stepUp?: Refused['stepUp']): OAuthError {
  if (reason === 'authentication_insufficient')
    return new InsufficientAuthenticationError(reason, stepUp ?? {});
  if (reason.startsWith('target_') || reason === 'too_many_targets') {
    return new InvalidTargetError(reason, 'A requested target is not acceptable.');
  }
  if (reason.startsWith('scope_'))
    return new InvalidScopeError(reason, 'The requested scope is not acceptable.');
  return new InvalidRequestError(reason, 'A presented token is not acceptable.');
}
