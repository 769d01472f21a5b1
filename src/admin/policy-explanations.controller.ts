import { HttpCode, Post } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation } from '@nestjs/swagger';

import { AdminController } from './admin-controller.js';
import { Act, type AdministrativeAct } from './administrative-act.js';
import { ExplanationView } from './explanation-view.dto.js';
import { Question } from './explanation.dto.js';
import { JsonBody } from './json-body.js';
import { PolicyExplanations } from './policy-explanations.js';
import { MAX_POLICY_BODY } from './policy-plan.dto.js';
import { ApiProblems } from './problem.dto.js';
import { Problem } from './problem.js';
import { RequiresScope } from './requires-scope.js';

/** What the policies would say. */
@AdminController('admin/policies/explain', 'policies')
export class PolicyExplanationsController {
  constructor(private readonly explanations: PolicyExplanations) {}

  @Post()
  @HttpCode(200)
  @RequiresScope('policies:explain')
  @ApiOperation({
    summary: 'Explain an exchange',
    description:
      'What it would be answered, and how each policy that speaks of the actor judges it. No token is made, and none is checked; what a `draft` says counts instead of what is stored. Of any actor with the scope `policies:read` as well; of itself alone a client needs `policies:explain` only.',
  })
  @ApiBody({ type: Question })
  @ApiOkResponse({ type: ExplanationView })
  @ApiProblems(400, 413, 415)
  explain(
    @JsonBody(MAX_POLICY_BODY) question: Question,
    @Act() act: AdministrativeAct,
  ): Promise<ExplanationView> {
    const isOwn = question.actor === act.token.chain.subject.sub;
    if (!isOwn && !act.scope.has('policies:read'))
      throw new Problem(403, 'To ask about another actor needs the scope policies:read.');
    return this.explanations.explain(question);
  }
}
