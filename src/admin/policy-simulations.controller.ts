import { HttpCode, Post } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation } from '@nestjs/swagger';

import { Clock } from '../oauth/clock.js';
import { AdminController } from './admin-controller.js';
import { JsonBody } from './json-body.js';
import { MAX_POLICY_BODY } from './policy-plan.dto.js';
import { PolicyPlans } from './policy-plans.js';
import { PolicySimulation } from './policy-simulation.js';
import { SimulatedPolicies, SimulationView, viewSimulation } from './policy-simulation.dto.js';
import { ApiProblems } from './problem.dto.js';
import { RequiresScope } from './requires-scope.js';

/** What other policies would have said. */
@AdminController('admin/policies/simulate', 'policies')
export class PolicySimulationsController {
  constructor(
    private readonly plans: PolicyPlans,
    private readonly simulation: PolicySimulation,
    private readonly clock: Clock,
  ) {}

  @Post()
  @HttpCode(200)
  @RequiresScope('audit:read')
  @ApiOperation({
    summary: 'Simulate policies',
    description:
      'Replays the recorded attempts of a time against the policies that a plan would lead to: which would now be refused, and which would newly be granted, with their records. Clients, targets, groups and trusted issuers are taken as they are today. Nothing is written.',
  })
  @ApiBody({ type: SimulatedPolicies })
  @ApiOkResponse({ type: SimulationView })
  @ApiProblems(400, 413, 415)
  async simulate(@JsonBody(MAX_POLICY_BODY) asked: SimulatedPolicies): Promise<SimulationView> {
    const { from = 0, until = this.clock.now() } = asked;
    const policies = await this.plans.result(asked);
    return viewSimulation(await this.simulation.run(policies, { from, until }));
  }
}
