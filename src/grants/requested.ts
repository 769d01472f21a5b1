import type { AttemptFacts } from '../audit/attempt.js';
import { isAudienceName, isResourceUri } from '../oauth/resource.js';
import { isScopeValue } from '../oauth/scope.js';
import { looksLikeSecret } from '../oauth/secret-shape.js';
import type { RequestParameters } from '../oauth/request-parameters.js';

const MOST = 16;
const LONGEST = 256;

/**
 * What a record keeps of what was asked for: only values that can be a scope or a target, and not
 * too many, so that nothing else (a token in the wrong field, say) gets into a record.
 */
export function requestedFacts(parameters: RequestParameters): AttemptFacts {
  const scope = (parameters.get('scope') ?? '')
    .split(' ')
    .filter((value) => isScopeValue(value) && isTellable(value));
  const resource = parameters
    .all('resource')
    .filter((uri) => isResourceUri(uri) && isTellable(uri));
  const audience = parameters
    .all('audience')
    .filter((name) => isAudienceName(name) && isTellable(name));
  const purpose = parameters.get('purpose') ?? '';
  return {
    requested: {
      ...(scope.length === 0 ? {} : { scope: scope.slice(0, MOST) }),
      ...(resource.length === 0 ? {} : { resource: resource.slice(0, MOST) }),
      ...(audience.length === 0 ? {} : { audience: audience.slice(0, MOST) }),
      ...(/^[^\p{Cc}\p{Cs}]+$/u.test(purpose) && isTellable(purpose) ? { purpose } : {}),
    },
  };
}

function isTellable(text: string): boolean {
  return text.length <= LONGEST && !looksLikeSecret(text);
}
