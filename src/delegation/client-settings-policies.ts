import type { Requester } from './exchange-request.js';
import { newPolicy, type Policy } from './policy.js';

/** What the settings of a client are called among the policies. */
export const CLIENT_SETTINGS = 'client-settings';

/** A client's own settings as policies, in the version that the client is stored in. */
export function clientSettingsPolicies(requester: Requester): readonly Policy[] {
  const { clientId, party, targets, exchange, version } = requester;
  const own = newPolicy({
    policyId: CLIENT_SETTINGS,
    version: version ?? 1,
    description: `The settings of the client ${clientId}`,
    subject: { issuers: [party.iss, ...exchange.subjectIssuers] },
    actor: { clients: [clientId] },
    targets,
    acting: { mode: exchange.mode, actorToken: 'optional', proofRequired: false },
    limits: { depth: exchange.maxDepth, targets: exchange.maxTargets, loops: exchange.allowLoops },
  });
  if (exchange.presentsTokensOf.length === 0) return [own];
  const subject = {
    issuers: [party.iss],
    clients: exchange.presentsTokensOf,
    presentedByAnyone: true,
  };
  return [own, { ...own, subject }];
}
