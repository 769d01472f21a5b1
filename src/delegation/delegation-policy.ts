import type { ExchangeRequest } from './exchange-request.js';
import type { Verdict } from './verdict.js';

/**
 * Who may act for whom, through whom, for what. A host replaces it to bring its own rules.
 *
 * Promises: the same request gets the same verdict while the rules stay; a refusal names its
 * reason. It may reject when it cannot know: then nothing is issued. It is not trusted: an
 * `Allowed` with more scope than the subject token brings (`broughtScope`), the client or a target has, with a longer life,
 * other targets or a cut chain is refused by `Decision`.
 */
export abstract class DelegationPolicy {
  abstract decide(request: ExchangeRequest): Verdict | Promise<Verdict>;

  /**
   * Whether what a policy allowed earlier is still good: false once it is disabled, denies, or is gone.
   * Rejects when it cannot know.
   * @param _half what `policyHalf` makes of the policy's id: tokens do not tell the id itself
   */
  isInForce(_half: string): boolean | Promise<boolean> {
    return true;
  }
}
