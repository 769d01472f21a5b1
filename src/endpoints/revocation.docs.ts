import { applyDecorators } from '@nestjs/common';
import { ApiBasicAuth, ApiBody, ApiConsumes, ApiOperation, ApiResponse } from '@nestjs/swagger';

import { refusalResponses } from './refusals.docs.js';

/** The revocation endpoint in the OpenAPI document. */
export function ApiRevocationEndpoint(): MethodDecorator {
  return applyDecorators(
    ApiOperation({
      summary: 'Take back a token',
      description:
        'RFC 7009, for the client that the token was issued to. An access token ends with everything that was exchanged from it; a refresh token ends with everything that the person allowed at that sign-in. Each revocation leaves one audit record.',
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
          client_id: {
            type: 'string',
            example: '',
            description: 'Of a public client, instead of HTTP Basic.',
          },
        },
      },
    }),
    ApiResponse({
      status: 200,
      description: 'The token is good no more, or never was one. The body is empty.',
    }),
    ...refusalResponses([
      [400, 'The token was issued to another client.', 'unauthorized_client'],
      [401, 'The client did not prove itself.', 'invalid_client'],
      [405, 'Another method than POST.', 'invalid_request'],
      [413, 'The body is over 64 kB.', 'invalid_request'],
      [429, 'Too many failures of this client; see Retry-After.', 'temporarily_unavailable'],
      [503, 'It is not certain that anything was revoked.', 'temporarily_unavailable'],
    ]),
  );
}
