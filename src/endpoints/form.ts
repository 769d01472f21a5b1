import type { IncomingMessage } from 'node:http';

import { REPEATABLE, RequestParameters } from '../oauth/request-parameters.js';
import { BodyTooLargeError, InvalidRequestError } from '../oauth/oauth-error.js';
import type { RefusalReason } from '../oauth/refusal-reason.js';

const MAX_BODY = 64 * 1024;
const MAX_NAMES = 64;
const FORM = /^application\/x-www-form-urlencoded\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;
/** What form-encoding leaves: visible ASCII. Everything else arrives as percent-encoded UTF-8. */
const ENCODED = /^[\x21-\x7E]*$/;
const CREDENTIALS: ReadonlySet<string> = new Set([
  'client_secret',
  'client_assertion',
  'subject_token',
  'actor_token',
  'code',
  'code_verifier',
  'refresh_token',
  'assertion',
  'password',
  'token',
]);

/** A request whose body a host's own parser may have read before us. */
export type FormRequest = IncomingMessage & { readonly body?: unknown; readonly rawBody?: Buffer };

/**
 * Reads the form of a token request strictly (RFC 6749 section 3.2 and appendix B): one value a
 * name, `resource` and `audience` may repeat, empty values are absent, no nesting, no credentials in
 * the query.
 * @throws InvalidRequestError, BodyTooLargeError
 */
export async function readForm(request: FormRequest): Promise<RequestParameters> {
  refuseQueryCredentials(request.url ?? '');
  const encoding = request.headers['content-encoding'];
  if (
    !FORM.test(request.headers['content-type'] ?? '') ||
    (encoding !== undefined && encoding !== 'identity')
  ) {
    throw refuse(
      'content_type_not_supported',
      'The body must be application/x-www-form-urlencoded in UTF-8.',
    );
  }
  if (request.rawBody) return collect(pairsOf(request.rawBody.toString('latin1')));
  if (request.body !== undefined) return collect(parsedPairs(request.body));
  return collect(pairsOf(await readBody(request)));
}

/**
 * Reads the query of a request by the same rules.
 * @throws InvalidRequestError
 */
export function readQuery(request: FormRequest): RequestParameters {
  const url = request.url ?? '';
  refuseQueryCredentials(url);
  const query = url.indexOf('?');
  return collect(pairsOf(query < 0 ? '' : url.slice(query + 1)));
}

/** Whether a parameter of this name holds a secret or a token, which never stands in a URL. */
export function isCredential(name: string): boolean {
  return CREDENTIALS.has(name);
}

function readBody(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    // What ended before we listen would never tell us: the caller hung up, or somebody read it all.
    if (request.destroyed || request.readableEnded) {
      reject(refuse('malformed_request', 'The request body ended too early.'));
      return;
    }
    let text = '';
    request.setEncoding('latin1');
    request.on('data', (chunk: string) => {
      text += chunk;
      if (text.length <= MAX_BODY) return;
      request.removeAllListeners('data');
      request.resume();
      reject(new BodyTooLargeError());
    });
    request.once('end', () => resolve(text));
    request.once('error', () =>
      reject(refuse('malformed_request', 'The request body ended too early.')),
    );
    request.once('aborted', () =>
      reject(refuse('malformed_request', 'The request body ended too early.')),
    );
  });
}

function* pairsOf(text: string): Iterable<readonly [string, string]> {
  if (text.length > MAX_BODY) throw new BodyTooLargeError();
  if (!ENCODED.test(text)) throw refuse('malformed_request', 'The request is malformed.');
  for (const piece of text.split('&')) {
    if (piece === '') continue;
    const equals = piece.indexOf('=');
    const name = equals < 0 ? piece : piece.slice(0, equals);
    yield [decode(name), equals < 0 ? '' : decode(piece.slice(equals + 1))];
  }
}

/** A host's parser gives strings, lists of strings, or nested objects, which no form of ours has. */
function* parsedPairs(body: unknown): Iterable<readonly [string, string]> {
  if (typeof body !== 'object' || body === null)
    throw refuse('malformed_request', 'The request body is malformed.');
  for (const [name, value] of Object.entries(body)) {
    if (Array.isArray(value) && !REPEATABLE.has(name)) {
      throw refuse('repeated_parameter', 'A parameter is repeated.');
    }
    for (const each of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (typeof each !== 'string')
        throw refuse('malformed_request', 'The request body is malformed.');
      yield [name, each];
    }
  }
}

function collect(pairs: Iterable<readonly [string, string]>): RequestParameters {
  const seen = new Set<string>();
  const single = new Map<string, string>();
  const lists = new Map<string, string[]>();
  for (const [name, value] of pairs) {
    const isList = REPEATABLE.has(name);
    if (!isList && seen.has(name)) throw refuse('repeated_parameter', 'A parameter is repeated.');
    seen.add(name);
    if (seen.size > MAX_NAMES)
      throw refuse('too_many_parameters', 'There are too many parameters.');
    if (value === '') continue;
    if (!isList) single.set(name, value);
    else if (lists.has(name)) lists.get(name)?.push(value);
    else lists.set(name, [value]);
  }
  return new RequestParameters(single, lists);
}

function decode(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw refuse('malformed_request', 'The request body is malformed.');
  }
}

function refuseQueryCredentials(url: string): void {
  const query = url.indexOf('?');
  if (query < 0) return;
  for (const name of new URLSearchParams(url.slice(query + 1)).keys()) {
    if (isCredential(name))
      throw refuse('credentials_in_query', 'Send parameters in the body, not in the URI.');
  }
}

function refuse(reason: RefusalReason, description: string): InvalidRequestError {
  return new InvalidRequestError(reason, description);
}
