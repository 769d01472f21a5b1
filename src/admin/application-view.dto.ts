import { ApiProperty } from '@nestjs/swagger';

import type { Authorization } from '../authorization/authorization.js';
import { isoTime } from './iso-time.js';

/** What a person allowed an application at one sign-in: nothing of it gives a token. */
export class ApplicationView {
  @ApiProperty({ format: 'uuid', description: 'The grant_id of the tokens that come of it.' })
  readonly authorizationId!: string;

  @ApiProperty({ example: 'web_app' })
  readonly clientId!: string;

  @ApiProperty({
    type: [String],
    example: ['openid', 'address:read'],
    description: 'Everything that was allowed; a token may hold less.',
  })
  readonly scope!: readonly string[];

  @ApiProperty({
    type: [String],
    example: ['https://api.example/addresses'],
    description: 'Identifiers of the targets that its tokens may be for.',
  })
  readonly targets!: readonly string[];

  @ApiProperty({ format: 'uuid', description: 'The sign-in session it was given in.' })
  readonly sid!: string;

  @ApiProperty({ description: 'Whether it outlives the session (scope offline_access).' })
  readonly offline!: boolean;

  @ApiProperty({ format: 'date-time' })
  readonly createdAt!: string;

  @ApiProperty({ format: 'date-time', description: 'When it ends whatever happens.' })
  readonly expiresAt!: string;
}

/** What a person allows at this time. */
export class ApplicationList {
  @ApiProperty({ type: [ApplicationView], description: 'Newest first, at most 200.' })
  readonly items!: readonly ApplicationView[];
}

/** Field by field, by name: what is not listed cannot leak. */
export function viewApplication(authorization: Authorization): ApplicationView {
  return {
    authorizationId: authorization.authorizationId,
    clientId: authorization.clientId,
    scope: authorization.scope,
    targets: authorization.targets,
    sid: authorization.sid,
    offline: authorization.isOffline,
    createdAt: isoTime(authorization.createdAt),
    expiresAt: isoTime(authorization.expiresAt),
  };
}
