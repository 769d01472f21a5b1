import { applyDecorators } from '@nestjs/common';
import {
  ApiExtraModels,
  ApiProperty,
  ApiPropertyOptional,
  ApiResponse,
  getSchemaPath,
} from '@nestjs/swagger';

import { Problem } from './problem.js';

/** One thing that is wrong, in the OpenAPI document. */
export class FieldProblemDocument {
  @ApiProperty({ example: 'tokenLifetime' })
  readonly field!: string;

  @ApiProperty({ example: 'must be 30 to 86400 seconds' })
  readonly problem!: string;
}

/** A problem document (RFC 9457) in the OpenAPI document. */
export class ProblemDocument {
  @ApiProperty({ example: 'about:blank', description: 'The status says the kind of problem.' })
  readonly type!: string;

  @ApiProperty({ example: 'Bad Request' })
  readonly title!: string;

  @ApiProperty({ example: 400 })
  readonly status!: number;

  @ApiProperty({ example: 'The request has fields that cannot be accepted.' })
  readonly detail!: string;

  @ApiPropertyOptional({ type: [FieldProblemDocument], description: 'What is wrong, by field.' })
  readonly problems?: readonly FieldProblemDocument[];
}

const MEANINGS = {
  400: 'The request has fields that cannot be accepted.',
  401: 'No access token was sent, or one that is not acceptable.',
  403: 'The access token lacks the scope that the operation needs.',
  404: 'There is no such resource.',
  409: 'The request is in conflict with what is stored.',
  410: 'What was there went for good.',
  412: 'The resource is not the one that If-Match names.',
  413: 'The body is larger than 100 kB, or than 1024 kB where it is a file of policies.',
  415: 'The body is not application/json in UTF-8.',
  503: 'It cannot be done at the moment.',
} as const;

const FIELDS = {
  problems: [{ field: 'tokenLifetime', problem: 'must be 30 to 86400 seconds' }],
};

/** The problems that an operation answers with. */
export function ApiProblems(...statuses: (keyof typeof MEANINGS)[]): MethodDecorator {
  const schema = { $ref: getSchemaPath(ProblemDocument) };
  return applyDecorators(
    ApiExtraModels(ProblemDocument),
    ...statuses.map((status) => {
      const example = new Problem(status, MEANINGS[status], status === 400 ? FIELDS : {});
      const content = { schema, example: example.toDocument() };
      return ApiResponse({
        status,
        description: MEANINGS[status],
        content: { 'application/problem+json': content },
      });
    }),
  );
}
