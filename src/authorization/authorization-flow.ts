import { randomUUID } from 'node:crypto';

import { Injectable } from '@nestjs/common';

import type { Account } from '../accounts/account.js';
import { SessionStore } from '../accounts/session-store.js';
import type { Session } from '../accounts/session.js';
import type { Attempt } from '../audit/attempt.js';
import { Targets } from '../clients/targets.js';
import { Clock } from '../oauth/clock.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { AuthorizationError } from '../oauth/oauth-error.js';
import { makeOpaqueSecret } from '../oauth/opaque-secret.js';
import type { Scope } from '../oauth/scope.js';
import type { AuthorizationRequest } from './authorization-request.js';
import { AuthorizationSettings } from './authorization-settings.js';
import { AuthorizationStore } from './authorization-store.js';
import { ConsentStore, type Consent } from './consent-store.js';
import { claimsWithin, scopesOfClaims } from './person-claims.js';
import { PersonNames } from './person-names.js';

/** Milliseconds for which a proof counts as given for the request in which it was given. */
const PROOF_LIFETIME = 10 * 60_000;

/** A person who is signed in at this browser. */
export interface Person {
  readonly session: Session;
  readonly account: Account;
}

/** How far a person has come with one authorization request. */
export interface Progress {
  /** The session in which they proved who they are since the request came; it counts for a while. */
  readonly provenSid?: string | undefined;
  /** The session that they chose to go on with. */
  readonly chosenSid?: string | undefined;
}

/** What has to happen next. */
export type Step =
  | { readonly step: 'sign-in'; readonly isAgain: boolean }
  | { readonly step: 'select-account'; readonly person: Person }
  | {
      readonly step: 'consent';
      readonly person: Person;
      readonly scope: readonly string[];
      readonly targets: readonly string[];
    }
  | { readonly step: 'answer'; readonly person: Person };

/** Leads a person from an authorization request to its answer. It sees neither HTTP nor pages. */
@Injectable()
export class AuthorizationFlow {
  constructor(
    private readonly store: AuthorizationStore,
    private readonly consents: ConsentStore,
    private readonly sessions: SessionStore,
    private readonly targets: Targets,
    private readonly names: PersonNames,
    private readonly issuer: IssuerSettings,
    private readonly settings: AuthorizationSettings,
    private readonly clock: Clock,
  ) {}

  /**
   * What has to happen before the request can be answered.
   * @throws AuthorizationError when that is nothing that may be asked of the person, or nothing that helps
   */
  async next(
    request: AuthorizationRequest,
    person: Person | null,
    progress: Progress,
  ): Promise<Step> {
    const mayAsk = !request.prompt.has('none');
    const isProven = person !== null && this.#isProven(person, progress);
    if (person === null || this.#isTooOld(request, person, isProven)) {
      if (!mayAsk) throw loginRequired();
      return { step: 'sign-in', isAgain: person !== null };
    }
    if (!this.#isExpected(request, person)) {
      // Somebody else than the application expects; after a sign-in there is nothing left to ask.
      if (!mayAsk || isProven) throw loginRequired();
      return { step: 'sign-in', isAgain: false };
    }
    const isChosen = isProven || person.session.sid === progress.chosenSid;
    if (request.prompt.has('select_account') && !isChosen)
      return { step: 'select-account', person };
    return this.#consent(request, person, mayAsk);
  }

  /** What the person of a consent step agreed to for the same application before, or null. */
  async agreedBefore(
    { client }: AuthorizationRequest,
    { person }: Extract<Step, { step: 'consent' }>,
  ): Promise<Consent | null> {
    return this.consents.find(person.account.accountId, client.clientId);
  }

  /** Keeps that the person agreed to what a consent step asked for, besides what they did before. */
  async agree(
    { client }: AuthorizationRequest,
    { person, scope, targets }: Extract<Step, { step: 'consent' }>,
    before: Consent | null,
  ): Promise<void> {
    const { accountId } = person.account;
    await this.consents.save({
      accountId,
      clientId: client.clientId,
      scope: [...new Set([...(before?.scope ?? []), ...scope])],
      targets: [...new Set([...(before?.targets ?? []), ...targets])],
      grantedAt: this.clock.now(),
    });
  }

  /** Undoes `agree`: what the person agreed to before is what counts. */
  async takeBack(
    { client }: AuthorizationRequest,
    { person }: Extract<Step, { step: 'consent' }>,
    before: Consent | null,
  ): Promise<void> {
    if (before === null) await this.consents.delete(person.account.accountId, client.clientId);
    else await this.consents.save(before);
  }

  /**
   * Answers a request with a code.
   * @param step what `next` or a consent came to
   * @returns where the browser goes
   */
  async answer(
    request: AuthorizationRequest,
    { person }: Extract<Step, { step: 'answer' | 'consent' }>,
    attempt: Attempt,
  ): Promise<string> {
    const { session, account } = person;
    const scope = await this.#scopeOf(request, account);
    const now = this.clock.now();
    const authorizationId = randomUUID();
    const { secret, hash } = makeOpaqueSecret();
    attempt.note({ authorizationId });
    const authorization = {
      authorizationId,
      clientId: request.client.clientId,
      accountId: account.accountId,
      sid: session.sid,
      scope: [...scope],
      targets: request.targets,
      claims: claimsWithin(request.claims, request.client.scopes),
      authTime: session.authTime,
      acr: session.acr,
      amr: session.amr,
      isOffline: scope.has('offline_access'),
      createdAt: now,
      expiresAt: now + this.settings.refreshLifetime,
      revokedAt: null,
    };
    await this.store.create(authorization, {
      codeHash: hash,
      authorizationId,
      redirectUri: request.redirectUri,
      codeChallenge: request.codeChallenge,
      nonce: request.nonce ?? null,
      expiresAt: now + this.settings.codeLifetime,
    });
    // Whoever ends a session revokes what was allowed in it: that is seen there, or the end is seen here.
    if (!(await this.sessions.addClient(session.sid, request.client.clientId))) {
      await this.store.revoke(authorizationId, now);
      throw new AuthorizationError('login_required', 'session_over', 'The person must sign in.');
    }
    return this.redirect(request, { code: secret });
  }

  /** Where the browser goes with an answer: always with `state` and `iss` (RFC 9207 section 2). */
  redirect(
    { redirectUri, state }: Pick<AuthorizationRequest, 'redirectUri' | 'state'>,
    answer: Readonly<Record<string, string>>,
  ): string {
    const parameters = new URLSearchParams({
      ...answer,
      ...(state === undefined ? {} : { state }),
      iss: this.issuer.issuer,
    });
    return `${redirectUri}${redirectUri.includes('?') ? '&' : '?'}${parameters.toString()}`;
  }

  #isProven({ session }: Person, { provenSid }: Progress): boolean {
    return session.sid === provenSid && this.clock.now() - session.authTime < PROOF_LIFETIME;
  }

  /** Whoever has to prove themselves for this very request may, and no age that is asked for is waived. */
  #isTooOld(
    { prompt, maxAge }: AuthorizationRequest,
    { session }: Person,
    isProven: boolean,
  ): boolean {
    if (!isProven && (prompt.has('login') || maxAge === 0)) return true;
    const age = this.clock.now() - session.authTime;
    return maxAge !== undefined && maxAge > 0 && age > maxAge * 1000;
  }

  #isExpected({ client, subjectHint }: AuthorizationRequest, { account }: Person): boolean {
    return subjectHint === undefined || subjectHint === this.names.of(account.accountId, client);
  }

  /**
   * Whether another program on the person's machine can take the client's place: it has no secret, and
   * nothing but that machine says who gets the code. What was agreed to before does not count then
   * (RFC 8252 section 8.6). Our own pages are nobody else, on whatever they are served.
   */
  #isImpersonable({ client, redirectUri }: AuthorizationRequest): boolean {
    const { protocol, origin } = new URL(redirectUri);
    const isOwn = origin === new URL(this.issuer.issuer).origin;
    return client.kind === 'public' && protocol !== 'https:' && !isOwn;
  }

  async #consent(request: AuthorizationRequest, person: Person, mayAsk: boolean): Promise<Step> {
    const { client, targets, claims, prompt } = request;
    const { accountId } = person.account;
    const named = scopesOfClaims([...Object.keys(claims.idToken), ...Object.keys(claims.userInfo)]);
    const granted = await this.#scopeOf(request, person.account);
    const scope = [
      ...new Set([...granted, ...named.filter((value) => client.scopes.includes(value))]),
    ];
    const isAsked = prompt.has('consent') || this.#isImpersonable(request);
    if (!isAsked && !client.signIn.consentRequired) return { step: 'answer', person };
    const given = isAsked ? null : await this.consents.find(accountId, client.clientId);
    const isGiven =
      given !== null &&
      scope.every((value) => given.scope.includes(value)) &&
      targets.every((target) => given.targets.includes(target));
    if (isGiven) return { step: 'answer', person };
    if (!mayAsk) {
      throw new AuthorizationError(
        'consent_required',
        'consent_required',
        'The person must be asked.',
      );
    }
    return { step: 'consent', person, scope, targets };
  }

  /** What is asked for, as far as this person holds it. */
  async #scopeOf(request: AuthorizationRequest, { roles }: Account): Promise<Scope> {
    const targets = await this.targets.ofPerson(request.targets, roles);
    const scope = new Set(
      [...request.scope].filter(
        (value) =>
          value === 'offline_access' || targets.some(({ offeredScope }) => offeredScope.has(value)),
      ),
    );
    const isEmpty = [...scope].every((value) => value === 'offline_access');
    if (isEmpty) {
      throw new AuthorizationError(
        'access_denied',
        'scope_empty',
        'The person may do nothing of what is asked for.',
      );
    }
    return scope;
  }
}

function loginRequired(): AuthorizationError {
  return new AuthorizationError('login_required', 'login_required', 'The person must sign in.');
}
