import { applyDecorators } from '@nestjs/common';
import { ApiBasicAuth, ApiBody, ApiConsumes, ApiOperation, ApiResponse } from '@nestjs/swagger';

import { refusalResponses } from './refusals.docs.js';

const RESPONSE_SCHEMA = {
  type: 'object',
  required: ['active'],
  properties: {
    active: { type: 'boolean', description: 'When it is false, nothing else is said.' },
    iss: { type: 'string' },
    sub: { type: 'string' },
    aud: { oneOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] },
    client_id: { type: 'string' },
    scope: { type: 'string' },
    token_type: { type: 'string', enum: ['Bearer'], description: 'Absent for a refresh token.' },
    exp: { type: 'integer', description: 'Seconds since the epoch.' },
    iat: { type: 'integer', description: 'Seconds since the epoch.' },
    jti: { type: 'string' },
    act: { type: 'object', description: 'Who acts now, and nested in it who acted before.' },
    chain_id: { type: 'string', description: 'The delegation chain, from the first exchange on.' },
  },
};

/** The introspection endpoint in the OpenAPI document. */
export function ApiIntrospectionEndpoint(): MethodDecorator {
  return applyDecorators(
    ApiOperation({
      summary: 'Ask whether a token is good',
      description:
        'RFC 7662, for a client with a secret: about tokens that are meant for it, that it was given or that name it as the application. All others are not active to it, and that it asked is recorded. With `Accept: application/token-introspection+jwt` the answer is signed (RFC 9701).',
    }),
    ApiBasicAuth('client'),
    ApiConsumes('application/x-www-form-urlencoded'),
    ApiBody({
      schema: {
        type: 'object',
        required: ['token'],
        properties: {
          token: { type: 'string', example: 'eyJ...' },
          token_type_hint: {
            type: 'string',
            example: 'access_token',
            description: 'Changes nothing.',
          },
        },
      },
    }),
    ApiResponse({
      status: 200,
      description: 'What the token says, or that it is not active.',
      content: {
        'application/json': {
          schema: RESPONSE_SCHEMA,
          example: {
            active: true,
            iss: 'https://idp.example',
            sub: 'alice',
            aud: 'address_service',
            client_id: 'web_app',
            scope: 'address:read',
            token_type: 'Bearer',
            exp: 1_790_000_600,
            iat: 1_790_000_000,
            jti: '0199b7a0-5f1c-7cc2-9d57-3f4a2c1e8b11.0199b7a0-5f1d-7f0a-b7b5-9e2d1c3b4a55',
            act: { iss: 'https://idp.example', sub: 'my_gateway', client_id: 'my_gateway' },
            chain_id: '0199b7a0-5f1d-7f0a-b7b5-9e2d1c3b4a55',
          },
        },
        'application/token-introspection+jwt': { schema: { type: 'string' }, example: 'eyJ...' },
      },
    }),
    ...refusalResponses([
      [400, 'The request is malformed.', 'invalid_request'],
      [401, 'The client did not prove itself, or cannot keep a secret.', 'invalid_client'],
      [405, 'Another method than POST.', 'invalid_request'],
      [413, 'The body is over 64 kB.', 'invalid_request'],
      [429, 'Too many failures of this client; see Retry-After.', 'temporarily_unavailable'],
      [503, 'It cannot be known whether the token is good.', 'temporarily_unavailable'],
    ]),
  );
}
