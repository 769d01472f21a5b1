import { randomBytes, randomUUID } from 'node:crypto';

import { uuidv7 } from '../oauth/uuid.js';

import { newAccount, type Account } from '../accounts/account.js';
import type { Session } from '../accounts/session.js';
import type { AuditRecord } from '../audit/audit-record.js';
import type {
  Authorization,
  AuthorizationCode,
  RefreshToken,
} from '../authorization/authorization.js';
import type { Consent } from '../authorization/consent-store.js';
import type { PushedRequest } from '../authorization/pushed-request-store.js';
import { newClient, type Client } from '../clients/client.js';
import type { Policy } from '../delegation/policy.js';
import type { PolicyUse } from '../delegation/policy-use-store.js';
import type { StoredSigningKey } from '../keys/signing-key.js';
import { TokenType } from '../oauth/token-type.js';
import type { DeadLetter, Sink } from '../streams/sink.js';
import type { Revocation } from '../tokens/revocation.js';
import { newTrustedIssuer, type TrustedIssuer } from '../tokens/trusted-issuer.js';

const NOW = Date.UTC(2026, 10, 22, 12, 0, 0, 123);

/** A name that nobody has yet. */
export function unique(name: string): string {
  return `${name}-${randomUUID()}`;
}

export function sampleKey(key: Partial<StoredSigningKey> = {}): StoredSigningKey {
  return {
    kid: unique('key'),
    algorithm: 'ES256',
    publicJwk: {
      kty: 'EC',
      crv: 'P-256',
      x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
      y: 'x',
    },
    sealedPrivateJwk: 'sealed',
    createdAt: NOW,
    activeFrom: NOW + 600_001,
    revokedAt: null,
    ...key,
  };
}

/** A client in which no field has its default. */
export function sampleClient(client: Partial<Client> = {}): Client {
  const clientId = unique('client');
  return newClient({
    clientId,
    name: 'Address service – “Straße” 🏠',
    disabled: true,
    grantTypes: ['client_credentials'],
    scopes: ['read', 'write'],
    authenticationMethods: ['client_secret_post'],
    secrets: [
      { id: 'first', hash: 'h1', createdAt: NOW, expiresAt: NOW + 1 },
      { id: 'second', hash: 'h2', createdAt: NOW, expiresAt: null },
    ],
    identifiers: [`https://b.example/${clientId}`, `https://a.example/${clientId}`],
    offeredScopes: ['addresses'],
    targets: ['https://postal.example'],
    defaultTarget: 'https://postal.example',
    tokenLifetime: 61,
    accessTokens: { takes: 'opaque', gets: 'opaque', statusList: true, introspectsAll: true },
    exchange: {
      mode: 'impersonation',
      subjectIssuers: ['https://partner.example'],
      presentsTokensOf: ['web_app'],
      actorIdentities: [{ iss: 'https://partner.example', sub: 'gateway' }],
      maxDepth: 3,
      allowLoops: true,
      maxTargets: 2,
    },
    signIn: {
      redirectUris: ['https://app.example/callback?a=1', 'http://127.0.0.1/callback'],
      postLogoutRedirectUris: ['https://app.example/'],
      pkceRequired: false,
      pushedRequestsRequired: true,
      consentRequired: false,
      defaultScopes: ['openid', 'profile'],
      idTokenAlgorithm: 'ES256',
      subjectType: 'pairwise',
      sectorHost: 'app.example',
      backchannelLogoutUri: 'https://app.example/logout',
    },
    groups: ['gateways', 'Zone:a.b-c_1'],
    createdAt: NOW,
    ...client,
  });
}

/** An account in which no field has its default. */
export function sampleAccount(account: Partial<Account> = {}): Account {
  return newAccount({
    accountId: randomUUID(),
    username: unique('Alice'),
    name: 'Alice “Ali” Müller 🏠',
    email: 'alice@example.com',
    emailVerified: true,
    locale: 'de-CH',
    claims: { department: 'sales', cost: { centre: 12.5, shared: [true, null] } },
    groups: ['staff', 'Zürich'],
    roles: ['auditor', 'client_manager'],
    disabled: true,
    password: {
      hash: '$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA',
      changedAt: NOW,
      mustChange: true,
    },
    createdAt: NOW,
    updatedAt: NOW + 1,
    ...account,
  });
}

/** A sign-in session in which every field says something. */
export function sampleSession(session: Partial<Session> = {}): Session {
  return {
    sid: unique('session'),
    secretHash: unique('hash'),
    accountId: randomUUID(),
    authTime: NOW + 1,
    acr: 'urn:example:password',
    amr: ['pwd'],
    createdAt: NOW,
    lastSeenAt: NOW + 2,
    expiresAt: NOW + 1_000_000,
    idleLimit: 7_000,
    address: '192.0.2.7',
    userAgent: 'Mozilla/5.0 (X11; “Linux”)',
    clients: ['web_app', 'swagger-ui'],
    ...session,
  };
}

/** An authorization in which every field says something; it is in force. */
export function sampleAuthorization(authorization: Partial<Authorization> = {}): Authorization {
  return {
    authorizationId: randomUUID(),
    clientId: unique('client'),
    accountId: randomUUID(),
    sid: unique('session'),
    scope: ['openid', 'read'],
    targets: ['https://postal.example', 'urn:example:“Straße”'],
    claims: {
      idToken: { acr: { essential: true, values: ['urn:example:password'] }, name: null },
      userInfo: { cost: { value: 12.5 } },
    },
    authTime: NOW - 1,
    acr: 'urn:example:password',
    amr: ['pwd', 'otp'],
    isOffline: true,
    createdAt: NOW,
    expiresAt: NOW + 1_000_000,
    revokedAt: null,
    ...authorization,
  };
}

/** A code in which every field says something. */
export function sampleCode(code: Partial<AuthorizationCode> = {}): AuthorizationCode {
  return {
    codeHash: unique('code'),
    authorizationId: randomUUID(),
    redirectUri: 'https://app.example/callback?a=1',
    codeChallenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    nonce: 'n-0S6_“WzA2Mj”',
    expiresAt: NOW + 60_000,
    ...code,
  };
}

/** A refresh token that was not used yet. */
export function sampleRefreshToken(token: Partial<RefreshToken> = {}): RefreshToken {
  return {
    tokenHash: unique('token'),
    authorizationId: randomUUID(),
    createdAt: NOW,
    expiresAt: NOW + 500_000,
    usedAt: null,
    ...token,
  };
}

/** A consent in which every field says something. */
export function sampleConsent(consent: Partial<Consent> = {}): Consent {
  return {
    accountId: randomUUID(),
    clientId: unique('client'),
    scope: ['openid', 'read'],
    targets: ['https://postal.example'],
    grantedAt: NOW,
    ...consent,
  };
}

/** A pushed request in which a name repeats. */
export function samplePushedRequest(request: Partial<PushedRequest> = {}): PushedRequest {
  return {
    requestHash: unique('request'),
    clientId: unique('client'),
    parameters: [
      ['resource', 'https://postal.example'],
      ['state', 'é “Straße” 🏠'],
      ['resource', 'https://billing.example'],
      ['prompt', ''],
    ],
    expiresAt: NOW + 60_000,
    ...request,
  };
}

/** A policy in which every field says something. */
export function samplePolicy(policy: Partial<Policy> = {}): Policy {
  return {
    policyId: unique('policy'),
    version: 1,
    description: 'Gateways act for staff – “Straße” 🏠',
    effect: 'allow',
    disabled: true,
    subject: {
      issuers: ['https://partner.example'],
      clients: ['web_app'],
      subjects: ['alice'],
      groups: ['staff', 'Zürich'],
      presentedByAnyone: true,
    },
    actor: {
      clients: ['my_gateway'],
      groups: ['gateways'],
      after: [],
      position: { from: 1, to: 2 },
    },
    targets: ['https://postal.example', 'billing'],
    scopes: ['read', 'write'],
    scopeMapping: { read: ['postal.read', 'postal.list'], write: [] },
    acting: { mode: 'impersonation', actorToken: 'required', proofRequired: true },
    limits: {
      lifetime: 61,
      chainLifetime: 3_601,
      depth: 3,
      targets: 2,
      loops: true,
      uses: 1_000,
      fanOut: 7,
    },
    validity: { from: 1_790_000_000, until: 1_890_000_000 },
    stepUp: { acr: ['urn:example:mfa'], maxAge: 300, fromDepth: 2 },
    purposeRequired: true,
    ...policy,
  };
}

/** A quota of three that nobody has taken from. */
export function samplePolicyUse(use: Partial<PolicyUse> = {}): PolicyUse {
  return { key: unique('use'), limit: 3, until: null, ...use };
}

/** A trusted issuer in which no field has its default. */
export function sampleIssuer(issuer: Partial<TrustedIssuer> = {}): TrustedIssuer {
  return newTrustedIssuer({
    issuer: `https://${unique('issuer')}.example`,
    name: 'Partner',
    disabled: true,
    jwksUri: 'https://partner.example/keys',
    algorithms: ['PS256'],
    accepts: [{ tokenType: TokenType.Jwt, types: ['at+jwt', 'none'], audiences: ['https://us'] }],
    subjectClaim: 'uid',
    clientIdClaims: ['cid'],
    scopeClaim: 'scp',
    scopes: ['read'],
    impliedScopes: ['read'],
    trustsChains: true,
    clockSkew: 7,
    createdAt: NOW,
    ...issuer,
  });
}

/** The record of a granted exchange; a field given as undefined is left out. */
export function sampleRecord(record: Partial<AuditRecord> = {}): AuditRecord {
  const { time = NOW } = record;
  return {
    id: uuidv7(time),
    schema: 1,
    time,
    event: 'grant',
    outcome: 'granted',
    requestId: randomUUID(),
    grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
    client: { clientId: 'my_gateway', method: 'client_secret_basic' },
    subject: { iss: 'https://idp.example', sub: '12345' },
    ...record,
  };
}

/** A revocation of a token that nobody has. */
export function sampleRevocation(changes: Partial<Revocation> = {}): Revocation {
  const key = `t${randomBytes(12).toString('base64url')}`;
  return { key, before: 1_800_000_000_000, expiresAt: 1_900_000_000_000, ...changes };
}

/** A sink that is delivered to. */
export function sampleSink(sink: Partial<Sink> = {}): Sink {
  return {
    id: uuidv7(NOW),
    name: 'SIEM',
    kind: 'webhook',
    url: 'https://siem.example/records',
    subject: null,
    format: 'cloudevents',
    filter: { outcome: 'refused', client: 'my_gateway' },
    sealedSecret: 'sealed',
    maxAttempts: 5,
    onExhausted: 'skip',
    createdAt: NOW,
    version: 1,
    state: 'active',
    cursor: 0,
    failures: 0,
    nextAttempt: 0,
    lastError: null,
    deliveredAt: null,
    ...sink,
  };
}

export function sampleDeadLetter(letter: Partial<DeadLetter> = {}): DeadLetter {
  return {
    id: uuidv7(NOW),
    sinkId: uuidv7(NOW),
    first: 0,
    last: 9,
    attempts: 5,
    error: 'status 500',
    time: NOW,
    ...letter,
  };
}
