import { Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBody, ApiCreatedResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';

import { KeyRing } from '../keys/key-ring.js';
import { AdminController } from './admin-controller.js';
import { readPrivateJwk } from './imported-key.js';
import { JsonBody } from './json-body.js';
import { ImportKey, RotateKeys, SigningKeyList, SigningKeyView, viewKey } from './key.dto.js';
import { ApiProblems } from './problem.dto.js';
import { invalidFields, notFound, Problem } from './problem.js';
import { RequiresScope } from './requires-scope.js';

const KEY_ID = /^[A-Za-z0-9_-]{1,128}$/;

/** The signing keys and their life. */
@AdminController('admin/keys', 'keys')
export class KeysController {
  constructor(private readonly ring: KeyRing) {}

  @Get()
  @RequiresScope('keys:read')
  @ApiOperation({ summary: 'List the signing keys', description: 'Newest first, with their life.' })
  @ApiOkResponse({ type: SigningKeyList })
  async list(): Promise<SigningKeyList> {
    return { items: (await this.ring.list()).map(viewKey) };
  }

  @Post('rotate')
  @RequiresScope('keys:write')
  @ApiOperation({
    summary: 'Rotate the signing key',
    description: 'Announces a new key, which takes over after the announcement.',
  })
  @ApiBody({ type: RotateKeys, required: false })
  @ApiCreatedResponse({ type: SigningKeyView })
  @ApiProblems(400, 413, 415)
  async rotate(
    @JsonBody() { algorithm, immediately = false }: RotateKeys,
  ): Promise<SigningKeyView> {
    const key = await this.ring.rotate({
      immediately,
      ...(algorithm === undefined ? {} : { algorithm }),
    });
    return viewKey(key);
  }

  @Post()
  @RequiresScope('keys:write')
  @ApiOperation({
    summary: 'Import a signing key',
    description: 'Takes a private JWK; the key takes over after the announcement.',
  })
  @ApiBody({ type: ImportKey })
  @ApiCreatedResponse({ type: SigningKeyView })
  @ApiProblems(400, 409, 413, 415)
  async import(@JsonBody() { jwk, algorithm }: ImportKey): Promise<SigningKeyView> {
    const imported = readPrivateJwk(jwk, algorithm);
    if (imported === undefined) {
      const problem = `must be a private ${algorithm} key, of at least 2048 bits if it is RSA`;
      throw invalidFields([{ field: 'jwk', problem }]);
    }
    const kept = await this.ring.list();
    if (kept.some((key) => key.kid === imported.kid)) {
      throw new Problem(409, 'This key is kept already.');
    }
    return viewKey(await this.ring.bring(imported.jwk, algorithm));
  }

  @Post(':kid/revoke')
  @HttpCode(200)
  @RequiresScope('keys:write')
  @ApiOperation({
    summary: 'Revoke a signing key',
    description:
      'What it signed is refused at once, the token of this request perhaps included. A new key takes over immediately.',
  })
  @ApiOkResponse({ type: SigningKeyView })
  @ApiProblems(404)
  async revoke(@Param('kid') kid: string): Promise<SigningKeyView> {
    const key = KEY_ID.test(kid) ? await this.ring.revoke(kid) : undefined;
    if (key === undefined) throw notFound('signing key');
    return viewKey(key);
  }
}
