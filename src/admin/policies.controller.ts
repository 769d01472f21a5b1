import type { ServerResponse } from 'node:http';

import { Delete, Get, Headers, HttpCode, Param, Post, Put, Query, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
} from '@nestjs/swagger';

import { AdminController } from './admin-controller.js';
import { Act, type AdministrativeAct } from './administrative-act.js';
import { Cursors } from './cursor.js';
import { etagOf } from './etag.js';
import { JsonBody } from './json-body.js';
import { DEFAULT_LIMIT, PageQuery } from './page.dto.js';
import { PolicyAdministration } from './policy-administration.js';
import {
  PolicyPage,
  PolicyVersionPage,
  PolicyVersionView,
  PolicyView,
  viewPolicy,
  viewPolicyVersion,
} from './policy-view.dto.js';
import { NamedPolicy, PolicyFields } from './policy.dto.js';
import { ApiProblems } from './problem.dto.js';
import { RequiresScope } from './requires-scope.js';

const IF_MATCH = {
  name: 'If-Match',
  required: false,
  description: 'The ETag that was read; another version is answered with 412.',
};

/** Who may act for whom, as policies in versions. */
@AdminController('admin/policies', 'policies')
export class PoliciesController {
  constructor(
    private readonly policies: PolicyAdministration,
    private readonly cursors: Cursors,
  ) {}

  @Post()
  @RequiresScope('policies:write')
  @ApiOperation({
    summary: 'Create a policy',
    description:
      'What is not named has its default. The server counts the versions: a policy that was deleted comes back as its next one.',
  })
  @ApiBody({ type: NamedPolicy })
  @ApiCreatedResponse({ type: PolicyView })
  @ApiProblems(400, 409, 413, 415)
  async create(
    @JsonBody() policy: NamedPolicy,
    @Act() act: AdministrativeAct,
    @Res({ passthrough: true }) response: ServerResponse,
  ): Promise<PolicyView> {
    const view = viewPolicy(await this.policies.create(policy, act));
    response.setHeader('Location', `/admin/policies/${view.policyId}`);
    response.setHeader('ETag', etagOf(view.version));
    return view;
  }

  @Get()
  @RequiresScope('policies:read')
  @ApiOperation({
    summary: 'List policies',
    description: 'The newest versions, in ascending order of their ids.',
  })
  @ApiOkResponse({ type: PolicyPage })
  @ApiProblems(400)
  async list(@Query() { limit = DEFAULT_LIMIT, cursor }: PageQuery): Promise<PolicyPage> {
    const found = await this.policies.list(this.cursors.read('policies', cursor), limit + 1);
    const items = found.slice(0, limit).map(viewPolicy);
    const last = items.at(-1);
    const hasMore = found.length > limit && last !== undefined;
    return { items, next: hasMore ? this.cursors.write('policies', last.policyId) : null };
  }

  @Get(':policyId')
  @RequiresScope('policies:read')
  @ApiOperation({ summary: 'Read a policy', description: 'Its ETag is for If-Match of a change.' })
  @ApiOkResponse({ type: PolicyView })
  @ApiProblems(404)
  async read(
    @Param('policyId') policyId: string,
    @Res({ passthrough: true }) response: ServerResponse,
  ): Promise<PolicyView> {
    const view = viewPolicy(await this.policies.get(policyId));
    response.setHeader('ETag', etagOf(view.version));
    return view;
  }

  @Put(':policyId')
  @RequiresScope('policies:write')
  @ApiOperation({
    summary: 'Replace a policy',
    description:
      'The whole policy: what is not named has its default again. One that says the same as before is no new version.',
  })
  @ApiHeader(IF_MATCH)
  @ApiBody({ type: PolicyFields })
  @ApiOkResponse({ type: PolicyView })
  @ApiProblems(400, 404, 409, 412, 413, 415)
  async replace(
    @Param('policyId') policyId: string,
    @JsonBody() fields: PolicyFields,
    @Act() act: AdministrativeAct,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) response: ServerResponse,
  ): Promise<PolicyView> {
    const view = viewPolicy(await this.policies.replace(policyId, fields, act, ifMatch));
    response.setHeader('ETag', etagOf(view.version));
    return view;
  }

  @Delete(':policyId')
  @HttpCode(204)
  @RequiresScope('policies:write')
  @ApiOperation({
    summary: 'Delete a policy',
    description: 'It says nothing any more. Its versions stay, because records name them.',
  })
  @ApiHeader(IF_MATCH)
  @ApiNoContentResponse({ description: 'It is gone.' })
  @ApiProblems(404, 409, 412)
  async delete(
    @Param('policyId') policyId: string,
    @Act() act: AdministrativeAct,
    @Headers('if-match') ifMatch: string | undefined,
  ): Promise<void> {
    await this.policies.delete(policyId, act, ifMatch);
  }

  @Get(':policyId/versions')
  @RequiresScope('policies:read')
  @ApiOperation({
    summary: 'List the versions of a policy',
    description: 'Newest first, with who wrote each; also of a policy that was deleted.',
  })
  @ApiOkResponse({ type: PolicyVersionPage })
  @ApiProblems(400, 404)
  async versions(
    @Param('policyId') policyId: string,
    @Query() { limit = DEFAULT_LIMIT, cursor }: PageQuery,
  ): Promise<PolicyVersionPage> {
    const name = `policies/${policyId}/versions`;
    const before = this.cursors.read(name, cursor);
    const found = await this.policies.versions(policyId, before, limit + 1);
    const items = found.slice(0, limit).map(viewPolicyVersion);
    const last = items.at(-1);
    const hasMore = found.length > limit && last !== undefined;
    return { items, next: hasMore ? this.cursors.write(name, String(last.version)) : null };
  }

  @Get(':policyId/versions/:version')
  @RequiresScope('policies:read')
  @ApiOperation({
    summary: 'Read a version of a policy',
    description: 'The `basis` of a record names the policy and the version that decided.',
  })
  @ApiOkResponse({ type: PolicyVersionView })
  @ApiProblems(404)
  async version(
    @Param('policyId') policyId: string,
    @Param('version') version: string,
  ): Promise<PolicyVersionView> {
    return viewPolicyVersion(await this.policies.version(policyId, version));
  }
}
