const MAX_LENGTH = 512;
/** RFC 3986 characters only, no fragment: what is compared byte by byte has one spelling. */
const ABSOLUTE_URI = /^[a-z][a-z0-9+.-]*:[A-Za-z0-9\-._~:/?[\]@!$&'()*+,;=%]+$/;
const LOOPBACK = /^http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost)(?::\d{1,5})?(?:[/?]|$)/;
/** The port, which the system chooses anew for each run of a native application. */
const LOOPBACK_ADDRESS_PORT = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]))(?::\d{1,5})?(?=[/?]|$)/;
/** A domain of the application's maker, backwards (RFC 8252 section 7.1). */
const PRIVATE_SCHEME = /^[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+:\/(?!\/)/;

/**
 * Why this cannot be registered to be redirected to (RFC 9700 section 2.1, RFC 8252 section 7);
 * undefined when it can: https, http on loopback, or for a public client a private scheme.
 */
export function redirectUriProblem(uri: string, isPublic: boolean): string | undefined {
  if (uri.length > MAX_LENGTH || !ABSOLUTE_URI.test(uri) || !URL.canParse(uri))
    return 'must be absolute URIs of at most 512 characters without fragment';
  const { protocol, username, password, hostname, origin } = new URL(uri);
  if (username !== '' || password !== '') return 'must not name a user';
  if (uri.includes('/../') || uri.includes('/./')) return 'must not hold dot segments';
  if (protocol === 'http:')
    return LOOPBACK.test(uri) ? undefined : 'must be https, or http on loopback';
  if (protocol === 'https:')
    return hostname !== '' && (uri === origin || uri.startsWith(`${origin}/`))
      ? undefined
      : 'must name their host in normal form, in lower case and without a default port';
  if (!isPublic) return 'must be https: private schemes are for public clients';
  return PRIVATE_SCHEME.test(uri)
    ? undefined
    : 'must be https, http on loopback, or a private scheme such as com.example.app:/callback';
}

/**
 * Whether a requested URI is one that is registered: the same string, but for the port of a
 * loopback address (RFC 8252 section 7.3).
 */
export function isRegisteredRedirect(requested: string, registered: readonly string[]): boolean {
  if (registered.includes(requested)) return true;
  const portless = requested.replace(LOOPBACK_ADDRESS_PORT, '$1');
  return (
    LOOPBACK_ADDRESS_PORT.test(requested) &&
    registered.some((uri) => uri.replace(LOOPBACK_ADDRESS_PORT, '$1') === portless) &&
    URL.canParse(requested)
  );
}
