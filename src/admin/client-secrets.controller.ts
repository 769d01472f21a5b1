import { Delete, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBody, ApiCreatedResponse, ApiNoContentResponse, ApiOperation } from '@nestjs/swagger';

import { AdminController } from './admin-controller.js';
import { Act, type AdministrativeAct } from './administrative-act.js';
import { ClientSecretAdministration } from './client-secret-administration.js';
import { CreateClientSecret } from './client-secret.dto.js';
import { NewClientSecretView, viewNewSecret } from './client-view.dto.js';
import { JsonBody } from './json-body.js';
import { ApiProblems } from './problem.dto.js';
import { RequiresScope } from './requires-scope.js';

/** The secrets of a client. */
@AdminController('admin/clients/:clientId/secrets', 'clients')
export class ClientSecretsController {
  constructor(private readonly secrets: ClientSecretAdministration) {}

  @Post()
  @RequiresScope('clients:write')
  @ApiOperation({
    summary: 'Make a new secret',
    description:
      'This answer alone shows it. The secrets before it stay valid for a day, or as long as is said; two are valid at most.',
  })
  @ApiBody({ type: CreateClientSecret, required: false })
  @ApiCreatedResponse({ type: NewClientSecretView })
  @ApiProblems(400, 404, 409, 413, 415)
  async create(
    @Param('clientId') clientId: string,
    @JsonBody() asked: CreateClientSecret,
    @Act() act: AdministrativeAct,
  ): Promise<NewClientSecretView> {
    const { secret, kept } = await this.secrets.create(clientId, asked, act);
    return viewNewSecret(kept, secret);
  }

  @Delete(':secretId')
  @HttpCode(204)
  @RequiresScope('clients:write')
  @ApiOperation({ summary: 'Delete a secret', description: 'It is refused at once.' })
  @ApiNoContentResponse({ description: 'It is gone.' })
  @ApiProblems(404, 409)
  async delete(
    @Param('clientId') clientId: string,
    @Param('secretId') secretId: string,
    @Act() act: AdministrativeAct,
  ): Promise<void> {
    await this.secrets.delete(clientId, secretId, act);
  }
}
