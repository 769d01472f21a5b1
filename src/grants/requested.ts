import type { AttemptFacts } from '../audit/attempt.js';
import { isAudienceName, isResourceUri } from '../oauth/resource.js';
import { isScopeValue } from '../oauth/scope.js';
import type { GrantParameters } from './grant-parameters.js';

const MOST = 16;

/**
 * What a record keeps of what was asked for: only values that can be a scope or a target, and not
 * too many, so that nothing else (a token in the wrong field, say) gets into a record.
 */
export function requestedFacts(parameters: GrantParameters): AttemptFacts {
  const scope = (parameters.get('scope') ?? '')
    .split(' ')
    .filter((value) => isScopeValue(value) && value.length <= 100);
  const resource = parameters.all('resource').filter(isResourceUri);
  const audience = parameters
    .all('audience')
    .filter((name) => isAudienceName(name) && name.length <= 256);
  return {
    requested: {
      ...(scope.length === 0 ? {} : { scope: scope.slice(0, MOST) }),
      ...(resource.length === 0 ? {} : { resource: resource.slice(0, MOST) }),
      ...(audience.length === 0 ? {} : { audience: audience.slice(0, MOST) }),
    },
  };
}
