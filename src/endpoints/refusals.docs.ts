import { ApiResponse } from '@nestjs/swagger';

const ERROR_SCHEMA = {
  type: 'object',
  required: ['error', 'error_description'],
  properties: {
    error: {
      type: 'string',
      description: 'The code (RFC 6749 section 5.2, RFC 8693 section 2.2.2).',
    },
    error_description: {
      type: 'string',
      description: 'A sentence for developers; the reason is in the audit record.',
    },
  },
};

/** Refusals of an endpoint in the OpenAPI document: the status, what it means, and the code of an example. */
export function refusalResponses(
  refusals: readonly (readonly [status: number, description: string, error: string])[],
): readonly MethodDecorator[] {
  return refusals.map(([status, description, error]) =>
    ApiResponse({
      status,
      description,
      schema: ERROR_SCHEMA,
      example: { error, error_description: 'A sentence.' },
    }),
  );
}
