import { Problem } from './problem.js';

/** The strong entity tag of a version (RFC 9110 section 8.8.3). */
export function etagOf(version: number): string {
  return `"${version}"`;
}

/**
 * Refuses a change whose `If-Match` names another version (RFC 9110 section 13.1.1).
 * @throws Problem (412)
 */
export function checkIfMatch(ifMatch: string | undefined, version: number): void {
  if (ifMatch === undefined || ifMatch.trim() === '*') return;
  const named = ifMatch.split(',').map((tag) => tag.trim());
  if (named.includes(etagOf(version))) return;
  throw new Problem(412, 'It was changed since: read it again.', {
    headers: { ETag: etagOf(version) },
  });
}
