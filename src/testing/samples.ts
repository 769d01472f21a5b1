import { randomUUID } from 'node:crypto';

import { v7 } from 'uuid';

import type { AuditRecord } from '../audit/audit-record.js';
import { newClient, type Client } from '../clients/client.js';
import type { StoredSigningKey } from '../keys/signing-key.js';
import { TokenType } from '../oauth/token-type.js';
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
    exchange: {
      mode: 'impersonation',
      subjectIssuers: ['https://partner.example'],
      presentsTokensOf: ['web_app'],
      actorIdentities: [{ iss: 'https://partner.example', sub: 'gateway' }],
      maxDepth: 3,
      allowLoops: true,
      maxTargets: 2,
    },
    createdAt: NOW,
    ...client,
  });
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
  const id = v7();
  return {
    id,
    schema: 1,
    time: NOW,
    event: 'grant',
    outcome: 'granted',
    requestId: randomUUID(),
    grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
    client: { clientId: 'my_gateway', method: 'client_secret_basic' },
    subject: { iss: 'https://idp.example', sub: '12345' },
    ...record,
  };
}
