import { applyDecorators } from '@nestjs/common';
import { ApiBasicAuth, ApiBody, ApiConsumes, ApiOperation, ApiResponse } from '@nestjs/swagger';

import { GrantType } from '../oauth/grant-type.js';
import { TokenType } from '../oauth/token-type.js';
import { refusalResponses } from './refusals.docs.js';

/** The examples fill the form of the documentation page; an empty value counts as absent. */
const REQUEST_SCHEMA = {
  type: 'object',
  required: ['grant_type'],
  properties: {
    grant_type: { type: 'string', enum: [GrantType.ClientCredentials, GrantType.TokenExchange] },
    audience: {
      type: 'array',
      items: { type: 'string' },
      maxItems: 8,
      example: ['address_service'],
      description: 'Names of the targets.',
    },
    resource: {
      type: 'array',
      items: { type: 'string', format: 'uri' },
      maxItems: 8,
      example: [],
      description: 'URIs of the targets.',
    },
    scope: {
      type: 'string',
      example: 'address:read',
      description: 'Space-separated; narrows what the subject token holds.',
    },
    subject_token: {
      type: 'string',
      example: '',
      description: 'The token of the party on whose behalf a token is asked.',
    },
    subject_token_type: {
      type: 'string',
      example: TokenType.AccessToken,
      description: `One of ${[TokenType.AccessToken, TokenType.Jwt, TokenType.IdToken].join(', ')}.`,
    },
    actor_token: {
      type: 'string',
      example: '',
      description: 'A token of the client itself; without it the client is the actor.',
    },
    actor_token_type: {
      type: 'string',
      example: '',
      description: `With an actor_token: one of ${[TokenType.AccessToken, TokenType.Jwt].join(', ')}.`,
    },
    requested_token_type: {
      type: 'string',
      example: TokenType.AccessToken,
      description: 'An access token, which is also the default.',
    },
    client_id: {
      type: 'string',
      example: '',
      description: 'With client_secret, instead of HTTP Basic.',
    },
    client_secret: { type: 'string', format: 'password', example: '' },
  },
};

const RESPONSE_SCHEMA = {
  type: 'object',
  required: ['access_token', 'issued_token_type', 'token_type', 'expires_in', 'scope'],
  properties: {
    access_token: { type: 'string' },
    issued_token_type: { type: 'string' },
    token_type: { type: 'string', enum: ['Bearer', 'N_A'] },
    expires_in: { type: 'integer', description: 'Seconds.' },
    scope: { type: 'string' },
  },
};

/** The token endpoint in the OpenAPI document. */
export function ApiTokenEndpoint(): MethodDecorator {
  return applyDecorators(
    ApiOperation({
      summary: 'Ask for a token',
      description:
        'Grants: client credentials (RFC 6749 section 4.4) and token exchange (RFC 8693). Every attempt leaves one audit record before it is answered.',
    }),
    ApiBasicAuth('client'),
    ApiConsumes('application/x-www-form-urlencoded'),
    ApiBody({
      schema: REQUEST_SCHEMA,
      examples: {
        'client credentials': {
          value: {
            grant_type: GrantType.ClientCredentials,
            audience: 'address_service',
            scope: 'address:read',
          },
        },
        'token exchange': {
          value: {
            grant_type: GrantType.TokenExchange,
            subject_token: 'eyJ...',
            subject_token_type: TokenType.AccessToken,
            audience: 'address_service',
            scope: 'address:read',
          },
        },
      },
    }),
    ApiResponse({
      status: 200,
      description: 'The token.',
      schema: RESPONSE_SCHEMA,
      example: {
        access_token: 'eyJ...',
        issued_token_type: TokenType.AccessToken,
        token_type: 'Bearer',
        expires_in: 600,
        scope: 'address:read',
      },
    }),
    ...refusalResponses([
      [
        400,
        'The request, a presented token, a target or the scope is not acceptable.',
        'invalid_request',
      ],
      [401, 'The client did not prove itself.', 'invalid_client'],
      [405, 'Another method than POST.', 'invalid_request'],
      [413, 'The body is over 64 kB.', 'invalid_request'],
      [
        429,
        'Too many failures of this client from this place; see Retry-After.',
        'temporarily_unavailable',
      ],
      [503, 'The record could not be written, so nothing was issued.', 'temporarily_unavailable'],
    ]),
  );
}
