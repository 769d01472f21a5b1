import { InvalidTargetError } from './oauth-error.js';

const MAX_TARGET_LENGTH = 512;
/** RFC 3986 characters only: a scheme, a colon, then no space, control, quote or fragment. */
const ABSOLUTE_URI = /^[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9\-._~:/?[\]@!$&'()*+,;=%]+$/;
/** A logical name: visible ASCII without quotes and backslashes. */
const LOGICAL_NAME = /^[\x21\x23-\x5B\x5D-\x7E]+$/;

/** Whether this is an absolute URI without a fragment, as `resource` must be (RFC 8707 section 2). */
export function isResourceUri(value: string): boolean {
  return value.length <= MAX_TARGET_LENGTH && ABSOLUTE_URI.test(value) && URL.canParse(value);
}

/** Whether this can be an `audience`: a logical name of a target (RFC 8693 section 2.1). */
export function isAudienceName(value: string): boolean {
  return value.length <= MAX_TARGET_LENGTH && LOGICAL_NAME.test(value);
}

/** Whether this can be registered to name a target: a URI, or a name without a colon. */
export function isTargetIdentifier(value: string): boolean {
  return value.includes(':') ? isResourceUri(value) : isAudienceName(value);
}

/**
 * Refuses what cannot name a target.
 * @throws InvalidTargetError (RFC 8707 section 2)
 */
export function checkTargets(resources: readonly string[], audiences: readonly string[]): void {
  if (!resources.every(isResourceUri) || !audiences.every(isAudienceName)) {
    throw new InvalidTargetError('target_malformed', 'A requested target is malformed.');
  }
}
