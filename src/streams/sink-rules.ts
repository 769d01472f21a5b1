import { FetchRefusedError, type GuardedFetch } from '../tokens/guarded-fetch.js';
import type { SinkSettings } from './sink.js';

const SUBJECT = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/;
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];
const MAX_URL = 2_000;

/** One thing that is wrong with a sink, with the field it is about. */
export interface SinkProblem {
  readonly field: string;
  readonly problem: string;
}

/**
 * Everything that is wrong with the settings of a sink as they would be stored.
 * @param allowLoopback whether this machine may be spoken to without TLS, for development
 */
export function sinkProblems(
  { name, kind, url, subject }: SinkSettings,
  fetch: Pick<GuardedFetch, 'check'>,
  allowLoopback: boolean,
): readonly SinkProblem[] {
  const problems: SinkProblem[] = [];
  const check = (problem: string | undefined, field: string): void => {
    if (problem !== undefined) problems.push({ field, problem });
  };
  const isName = name.length > 0 && name.length <= 200 && !/\p{Cc}/u.test(name);
  check(isName ? undefined : 'must be 1 to 200 characters without control characters', 'name');
  if (kind === 'webhook') {
    check(webhookProblem(url, fetch), 'url');
    check(subject === null ? undefined : 'is for nats only', 'subject');
  } else {
    check(natsProblem(url, allowLoopback), 'url');
    const isSubject = subject !== null && subject.length <= 255 && SUBJECT.test(subject);
    check(isSubject ? undefined : 'must be a subject without wildcards', 'subject');
  }
  return problems;
}

function webhookProblem(url: string, fetch: Pick<GuardedFetch, 'check'>): string | undefined {
  if (url.length > MAX_URL || url.includes('#')) return 'must be an https URL without fragment';
  try {
    fetch.check(url);
    return undefined;
  } catch (error) {
    if (!(error instanceof FetchRefusedError)) throw error;
    return `must be an https URL: ${error.message.replace(/^T/, 't')}`;
  }
}

/** Credentials must not go over a network in the clear, and never stand in an address. */
function natsProblem(url: string, allowLoopback: boolean): string | undefined {
  const wanted = 'must be tls://host:port';
  if (url.length > MAX_URL || !URL.canParse(url)) return wanted;
  const { protocol, username, password, hostname, pathname, search, hash } = new URL(url);
  const isPlain = protocol === 'nats:' && allowLoopback && LOOPBACK.includes(hostname);
  const isBare = username + password + search + hash === '' && /^\/?$/.test(pathname);
  return isBare && hostname !== '' && (protocol === 'tls:' || isPlain) ? undefined : wanted;
}
