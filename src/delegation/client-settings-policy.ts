import { DelegationPolicy } from './delegation-policy.js';
import type { ExchangeRequest } from './exchange-request.js';
import { PolicySet } from './policy-set.js';
import type { Verdict } from './verdict.js';

const NONE = new PolicySet([]);

/** What the settings of the client and of the targets say, and nothing else. Default deny. */
export class ClientSettingsPolicy extends DelegationPolicy {
  decide(request: ExchangeRequest): Verdict {
    return NONE.evaluate(request);
  }
}
