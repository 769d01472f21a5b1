import { HttpCode, Post } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation } from '@nestjs/swagger';

import { AdminController } from './admin-controller.js';
import { Act, type AdministrativeAct } from './administrative-act.js';
import { JsonBody } from './json-body.js';
import { ApiProblems } from './problem.dto.js';
import { RequiresScope } from './requires-scope.js';
import { RevocationAdministration } from './revocation-administration.js';
import { RevocationView, viewRevocation } from './revocation-view.dto.js';
import { NamedRevocation, ReasonedRevocation } from './revocation.dto.js';

/** A body for each kind, as far as it can be told without knowing who is there. */
function examplesOf(
  more: Readonly<Record<string, string>>,
): Readonly<Record<string, { readonly value: unknown }>> {
  const example = (named: Readonly<Record<string, string>>) => ({ value: { ...named, ...more } });
  return {
    client: example({ kind: 'client', clientId: 'web_app' }),
    actor: example({ kind: 'actor', clientId: 'my_gateway' }),
    subject: example({ kind: 'subject', sub: '3f0c2b5e-8a41-4c0e-9d57-0b6f4f6a2c11' }),
    policy: example({ kind: 'policy', policyId: 'postal-for-alice' }),
    issuer: example({ kind: 'issuer', issuer: 'https://login.example' }),
  };
}

/** What is taken back, with everything that came of it. */
@AdminController('admin/revocations', 'revocations')
export class RevocationsController {
  constructor(private readonly revocations: RevocationAdministration) {}

  @Post('plan')
  @HttpCode(200)
  @RequiresScope('tokens:read')
  @ApiOperation({
    summary: 'Plan a revocation',
    description:
      'What would die: how many tokens, whose, and the newest of them. Nothing is changed.',
  })
  @ApiBody({ type: NamedRevocation, examples: { ...examplesOf({}) } })
  @ApiOkResponse({ type: RevocationView })
  @ApiProblems(400, 404, 413, 415)
  async plan(
    @JsonBody() named: NamedRevocation,
    @Act() act: AdministrativeAct,
  ): Promise<RevocationView> {
    return viewRevocation(await this.revocations.plan(named, act), act);
  }

  @Post()
  @HttpCode(200)
  @RequiresScope('tokens:revoke')
  @ApiOperation({
    summary: 'Revoke',
    description:
      'What is named dies with everything that came of it, everywhere within a second. Tokens, chains and versions of policies for good; of all others what was issued so far and in the second after.',
  })
  @ApiBody({
    type: ReasonedRevocation,
    examples: { ...examplesOf({ reason: 'A stolen laptop.' }) },
  })
  @ApiOkResponse({ type: RevocationView })
  @ApiProblems(400, 404, 413, 415)
  async revoke(
    @JsonBody() named: ReasonedRevocation,
    @Act() act: AdministrativeAct,
  ): Promise<RevocationView> {
    return viewRevocation(await this.revocations.revoke(named, act), act);
  }
}
