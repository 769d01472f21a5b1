import { Get, HttpCode, Post } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation } from '@nestjs/swagger';

import type { JsonObject } from '../oauth/claims.js';
import { AdminController } from './admin-controller.js';
import { Act, type AdministrativeAct } from './administrative-act.js';
import { JsonBody } from './json-body.js';
import { AppliedPolicies, MAX_POLICY_BODY, PolicyPlan, WantedPolicies } from './policy-plan.dto.js';
import { PolicyPlans } from './policy-plans.js';
import { POLICIES_SCHEMA } from './policy-schema.js';
import { ApiProblems } from './problem.dto.js';
import { RequiresScope } from './requires-scope.js';

/** All policies at once, as a file says them. */
@AdminController('admin/policies', 'policies')
export class PolicyPlansController {
  constructor(private readonly plans: PolicyPlans) {}

  @Get('schema')
  @RequiresScope('policies:read')
  @ApiOperation({
    summary: 'Read the schema of a file of policies',
    description: 'A JSON Schema (draft 2020-12), for editors that check while one types.',
  })
  @ApiOkResponse({ schema: { type: 'object' }, description: 'The JSON Schema.' })
  schema(): JsonObject {
    return POLICIES_SCHEMA;
  }

  @Post('plan')
  @HttpCode(200)
  @RequiresScope('policies:read')
  @ApiOperation({
    summary: 'Plan policies',
    description:
      'What would become of each policy that is named and, with `prune`, of those that are not. Nothing is written.',
  })
  @ApiBody({ type: WantedPolicies })
  @ApiOkResponse({ type: PolicyPlan })
  @ApiProblems(400, 413, 415)
  plan(@JsonBody(MAX_POLICY_BODY) wanted: WantedPolicies): Promise<PolicyPlan> {
    return this.plans.plan(wanted);
  }

  @Post('apply')
  @HttpCode(200)
  @RequiresScope('policies:write')
  @ApiOperation({
    summary: 'Apply policies',
    description:
      'Writes what a plan says, all or nothing; the second time there is nothing to write. With the digest of a plan as `expected` it is refused when policies changed since.',
  })
  @ApiBody({ type: AppliedPolicies })
  @ApiOkResponse({ type: PolicyPlan })
  @ApiProblems(400, 409, 413, 415)
  apply(
    @JsonBody(MAX_POLICY_BODY) wanted: AppliedPolicies,
    @Act() act: AdministrativeAct,
  ): Promise<PolicyPlan> {
    return this.plans.apply(wanted, act);
  }
}
