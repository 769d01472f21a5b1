import { Injectable } from '@nestjs/common';

import { ClientDirectory } from '../clients/client-directory.js';
import type { Client } from '../clients/client.js';
import { Targets } from '../clients/targets.js';
import { ACR_PASSWORD, PROMPTS, type Prompt } from '../oauth/openid.js';
import { GrantType } from '../oauth/grant-type.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import {
  AuthorizationError,
  InvalidRequestError,
  InvalidScopeError,
  InvalidTargetError,
  OAuthError,
  UnauthorizedClientError,
} from '../oauth/oauth-error.js';
import { CODE_CHALLENGE_METHOD, isCodeChallenge } from '../oauth/pkce.js';
import { isRegisteredRedirect } from '../oauth/redirect-uri.js';
import type { RefusalReason } from '../oauth/refusal-reason.js';
import type { RequestParameters } from '../oauth/request-parameters.js';
import { checkTargets } from '../oauth/resource.js';
import { parseScope, type Scope } from '../oauth/scope.js';
import { readStrictJson } from '../tokens/strict-json.js';
import { IdTokenValidator } from '../tokens/id-token-validator.js';
import {
  AuthorizationRefusedError,
  type AuthorizationRequest,
  type Destination,
} from './authorization-request.js';
import {
  NO_CLAIMS,
  readClaimsRequest,
  wantedValues,
  type ClaimsRequest,
} from './claims-request.js';

/** Characters that a value may have; what the application gets back must fit into a URL. */
const MAX_STATE = 2048;
const MAX_NONCE = 512;
const MAX_HINT = 512;
const MAX_LOCALES = 10;
const MAX_RESOURCES = 8;
/** Bytes of all parameters: what waits for a person is carried from page to page, sealed in URLs. */
const MAX_SIZE = 5_000;
/** What can stand in a URL after encoding and come back as it was: no control characters. */
const PLAIN = /^[^\p{Cc}\p{Cs}]*$/u;
/** Parameters of profiles that are not spoken here: refused with the code that says so (OpenID Connect Core section 3.1.2.6). */
const NOT_SUPPORTED = {
  request: 'request_not_supported',
  registration: 'registration_not_supported',
  request_uri: 'request_uri_not_supported',
} as const;

/** How a request reached us. */
export interface RequestRoute {
  /** Whether the client sent it ahead and proved itself (RFC 9126). */
  readonly isPushed: boolean;
}

/** Checks authorization requests; everything that is asked of a request is asked here, at each step anew. */
@Injectable()
export class AuthorizationRequests {
  constructor(
    private readonly directory: ClientDirectory,
    private readonly targets: Targets,
    private readonly idTokens: IdTokenValidator,
    private readonly settings: IssuerSettings,
  ) {}

  /**
   * The request that these parameters make.
   * @throws AuthorizationRefusedError, with a destination once client and redirect URI are known to
   *   belong together (RFC 6749 section 4.1.2.1)
   */
  async read(
    parameters: RequestParameters,
    { isPushed }: RequestRoute,
  ): Promise<AuthorizationRequest> {
    const client = await this.#client(parameters);
    const destination = destinationOf(client, parameters);
    try {
      if (!client.grantTypes.includes(GrantType.AuthorizationCode)) {
        throw new UnauthorizedClientError(
          'grant_not_allowed',
          'The client may not sign people in.',
        );
      }
      if (client.signIn.pushedRequestsRequired && !isPushed)
        throw refuse('pushed_request_required', 'The client must push its requests.');
      refuseTooLong(parameters);
      return { client, ...destination, ...(await this.#read(client, parameters)) };
    } catch (error) {
      throw error instanceof OAuthError ? new AuthorizationRefusedError(error, destination) : error;
    }
  }

  async #client(parameters: RequestParameters): Promise<Client> {
    const clientId = parameters.get('client_id');
    if (clientId === undefined) throw local('missing_parameter', 'client_id is missing.');
    const client = await this.directory.find(clientId);
    if (client === null) throw local('client_unknown', 'The application is not known here.');
    if (client.disabled) throw local('client_disabled', 'The application is not known here.');
    return client;
  }

  async #read(
    client: Client,
    parameters: RequestParameters,
  ): Promise<Omit<AuthorizationRequest, 'client' | keyof Destination>> {
    refuseUnsupported(parameters);
    const prompt = readPrompt(parameters.get('prompt'));
    const codeChallenge = readChallenge(client, parameters);
    const claims = readClaims(parameters.get('claims'));
    checkContext(claims);
    const scope = this.#scope(client, parameters);
    const targets = this.#targets(client, parameters, scope);
    const offered = (await this.targets.of(targets)).map((target) => target.offeredScope);
    // Values that mean nothing here are ignored (RFC 6749 section 3.3); the answer says what is left.
    const granted = [...scope].filter(
      (value) => value === 'offline_access' || offered.some((each) => each.has(value)),
    );
    if (!granted.some((value) => value !== 'offline_access'))
      throw new InvalidScopeError('scope_empty', 'The requested scope is not acceptable.');
    return {
      scope: new Set(granted),
      targets,
      codeChallenge,
      nonce: readText(parameters, 'nonce', MAX_NONCE),
      prompt,
      maxAge: readMaxAge(parameters.get('max_age')),
      loginHint: readText(parameters, 'login_hint', MAX_HINT),
      subjectHint: await this.#subjectHint(client, parameters, claims),
      uiLocales: (readText(parameters, 'ui_locales', MAX_HINT) ?? '')
        .split(' ')
        .filter((tag) => tag !== '')
        .slice(0, MAX_LOCALES),
      claims,
    };
  }

  #scope(client: Client, parameters: RequestParameters): Scope {
    const text = parameters.get('scope');
    const asked = text === undefined ? client.signIn.defaultScopes : [...parseScope(text)];
    const mayRefresh = client.grantTypes.includes(GrantType.RefreshToken);
    return new Set(
      asked.filter(
        (value) => client.scopes.includes(value) && (value !== 'offline_access' || mayRefresh),
      ),
    );
  }

  #targets(client: Client, parameters: RequestParameters, scope: Scope): readonly string[] {
    const named = [...new Set(parameters.all('resource'))];
    if (named.length > MAX_RESOURCES)
      throw new InvalidTargetError('too_many_targets', 'Too many resources are requested.');
    checkTargets(named, []);
    if (!named.every((identifier) => client.targets.includes(identifier)))
      throw new InvalidTargetError('target_not_allowed', 'A requested resource is not acceptable.');
    if (named.length === 0 && client.defaultTarget !== null) named.push(client.defaultTarget);
    if (scope.has('openid')) named.push(this.settings.userInfo);
    if (named.length === 0)
      throw new InvalidTargetError('target_missing', 'Name a target with resource.');
    return named;
  }

  /** The subject that the application expects: of its ID token, or of the claim `sub` that it asks for by value. */
  async #subjectHint(
    client: Client,
    parameters: RequestParameters,
    claims: ClaimsRequest,
  ): Promise<string | undefined> {
    const [wanted] = wantedValues(claims.idToken['sub']) ?? [];
    const token = parameters.get('id_token_hint');
    if (token === undefined) return typeof wanted === 'string' ? wanted : undefined;
    const hint = await this.idTokens.readHint(token);
    if (hint === undefined || hint.clientId !== client.clientId)
      throw refuse('parameter_malformed', 'The id_token_hint is not acceptable.');
    return hint.subject;
  }
}

/** @throws InvalidRequestError when the parameters are too long to be carried from page to page */
export function refuseTooLong(parameters: RequestParameters): void {
  if (Buffer.byteLength(JSON.stringify(parameters.entries())) > MAX_SIZE)
    throw refuse('too_many_parameters', 'The request is too long.');
}

/** @throws AuthorizationRefusedError without destination: nothing is sent to an address that is not registered */
function destinationOf(client: Client, parameters: RequestParameters): Destination {
  const redirectUri = parameters.get('redirect_uri');
  if (redirectUri === undefined) throw local('missing_parameter', 'redirect_uri is missing.');
  if (!isRegisteredRedirect(redirectUri, client.signIn.redirectUris)) {
    throw local(
      'redirect_uri_not_registered',
      'The address to return to is not registered for this application.',
    );
  }
  const state = parameters.get('state');
  if (state !== undefined && (state.length > MAX_STATE || !PLAIN.test(state)))
    throw local('parameter_malformed', 'state is malformed.');
  return { redirectUri, state };
}

function refuseUnsupported(parameters: RequestParameters): void {
  for (const [name, code] of Object.entries(NOT_SUPPORTED)) {
    if (parameters.get(name) !== undefined) {
      throw new AuthorizationError(
        code,
        'parameter_not_supported',
        `The parameter ${name} is not supported.`,
      );
    }
  }
  if (
    parameters.get('authorization_details') !== undefined ||
    parameters.get('dpop_jkt') !== undefined
  )
    throw refuse('parameter_not_supported', 'A parameter is not supported.');
  const responseType = parameters.get('response_type');
  if (responseType === undefined) throw refuse('missing_parameter', 'response_type is missing.');
  if (responseType !== 'code') {
    throw new AuthorizationError(
      'unsupported_response_type',
      'response_type_not_supported',
      'The response_type must be code.',
    );
  }
  const mode = parameters.get('response_mode');
  if (mode !== undefined && mode !== 'query')
    throw refuse('response_mode_not_supported', 'The response_mode must be query.');
}

function readPrompt(text: string | undefined): ReadonlySet<Prompt> {
  const values = text?.split(' ') ?? [];
  if (!values.every(isPrompt)) throw refuse('parameter_malformed', 'prompt is malformed.');
  if (values.includes('none') && values.length > 1)
    throw refuse('prompt_combined', 'prompt=none goes with no other value.');
  return new Set(values);
}

function isPrompt(value: string): value is Prompt {
  return (PROMPTS as readonly string[]).includes(value);
}

/** The S256 challenge (RFC 7636 section 4.4.1); `plain`, which is what no method means, is refused. */
function readChallenge(client: Client, parameters: RequestParameters): string | null {
  const challenge = parameters.get('code_challenge');
  const method = parameters.get('code_challenge_method');
  if (challenge === undefined) {
    if (method !== undefined || client.signIn.pkceRequired || client.kind === 'public')
      throw refuse('code_challenge_missing', 'code_challenge is missing.');
    return null;
  }
  if (method !== CODE_CHALLENGE_METHOD) {
    throw refuse('code_challenge_method_not_supported', 'The code_challenge_method must be S256.');
  }
  if (!isCodeChallenge(challenge))
    throw refuse('code_challenge_malformed', 'code_challenge is malformed.');
  return challenge;
}

function readMaxAge(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw refuse('parameter_malformed', 'max_age is malformed.');
  return Number(text);
}

function readText(parameters: RequestParameters, name: string, most: number): string | undefined {
  const text = parameters.get(name);
  if (text !== undefined && (text.length > most || !PLAIN.test(text)))
    throw refuse('parameter_malformed', `${name} is malformed.`);
  return text;
}

function readClaims(text: string | undefined): ClaimsRequest {
  if (text === undefined) return NO_CLAIMS;
  const value = readStrictJson(text);
  const claims = value && readClaimsRequest(value);
  if (claims === undefined) throw refuse('parameter_malformed', 'claims is malformed.');
  return claims;
}

/** An essential `acr` that no sign-in here can reach is refused; a voluntary one is not (OpenID Connect Core section 5.5.1.1). */
function checkContext({ idToken }: ClaimsRequest): void {
  const wanted = wantedValues(idToken['acr']);
  if (wanted === undefined || wanted.includes(ACR_PASSWORD)) return;
  if (idToken['acr']?.['essential'] === true) {
    throw new AuthorizationError(
      'unmet_authentication_requirements',
      'authentication_context_not_reached',
      'The requested authentication context cannot be reached.',
    );
  }
}

function refuse(reason: RefusalReason, description: string): InvalidRequestError {
  return new InvalidRequestError(reason, description);
}

function local(reason: RefusalReason, description: string): AuthorizationRefusedError {
  return new AuthorizationRefusedError(new InvalidRequestError(reason, description), undefined);
}
