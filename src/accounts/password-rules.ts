/** Bytes of a password in NFC and UTF-8: 64 characters of any script fit (NIST SP 800-63B-4 section 3.1.1.2). */
export const MAX_PASSWORD_BYTES = 256;

/**
 * Characters. A password is the only factor here, so it is fifteen for everybody and not only for
 * administrators (NIST SP 800-63B-4 section 3.1.1.2).
 */
export const MIN_PASSWORD_LENGTH = 15;

/** Different characters that a password must have, and that must be left without the parts that everybody tries. */
const MIN_DIFFERENT = 6;

/** Rows that fingers run along. */
const ROWS = [
  'abcdefghijklmnopqrstuvwxyz',
  '01234567890',
  '!@#$%^&*()_+',
  'qwertyuiop',
  'qwertzuiop',
  'azertyuiop',
  'asdfghjkl',
  'zxcvbnm',
  'yxcvbnm',
  '1q2w3e4r5t6y7u8i9o0p',
  '1qaz2wsx3edc4rfv5tgb',
].flatMap((row) => [row, row.split('').toReversed().join('')]);
const MIN_RUN = 3;

/** The words of the commonest passwords; long ones are mostly made of several. */
const COMMON_WORDS =
  `password passwort passw0rd p@ssw0rd p@ssword pa55word pass word admin administrator root user
  login welcome willkommen secret geheim changeme change letmein master superman batman dragon
  monkey princess sunshine shadow football baseball iloveyou love hello hallo whatever trustno1
  starwars michael jordan hunter ninja summer winter spring autumn january monday company default
  temporary temp test demo example correcthorsebatterystaple nesttokenexchange`
    .split(/\s+/)
    .toSorted((a, b) => b.length - a.length);

/** A password as it is hashed, in NFC; undefined when it is too long. */
export function normalPassword(password: string): string | undefined {
  // NFC makes a text at most four times shorter, so longer ones need not be looked at.
  if (password.length > 4 * MAX_PASSWORD_BYTES) return undefined;
  const normal = password.normalize('NFC');
  return Buffer.byteLength(normal) <= MAX_PASSWORD_BYTES ? normal : undefined;
}

/** What can be wrong with a password that somebody wants. */
export type PasswordFault = 'too-long' | 'control-characters' | 'too-short' | 'too-common';

const FAULTS: Readonly<Record<PasswordFault, string>> = {
  'too-long': `must be at most ${MAX_PASSWORD_BYTES} bytes`,
  'control-characters': 'must be without control characters',
  'too-short': `must be at least ${MIN_PASSWORD_LENGTH} characters`,
  'too-common': 'is too easy to guess: it is made of common words, rows of keys or your own names',
};

/**
 * Why this cannot become somebody's password; undefined when it can. No rule says which kinds of
 * characters it must have (NIST SP 800-63B-4 section 3.1.1.2).
 * @param own what others know of the person, such as the username and the e-mail address
 */
export function passwordFault(password: string, own: readonly string[]): PasswordFault | undefined {
  const normal = normalPassword(password);
  if (normal === undefined) return 'too-long';
  if (/[\p{Cc}\p{Cs}]/u.test(normal)) return 'control-characters';
  if (Array.from(normal).length < MIN_PASSWORD_LENGTH) return 'too-short';
  return isEasy(normal.normalize('NFKC').toLowerCase(), own) ? 'too-common' : undefined;
}

/** The same in words for an administrator. */
export function passwordProblem(password: string, own: readonly string[]): string | undefined {
  const fault = passwordFault(password, own);
  return fault && FAULTS[fault];
}

function isEasy(password: string, own: readonly string[]): boolean {
  if (new Set(password).size < MIN_DIFFERENT) return true;
  const names = own
    .flatMap((text) =>
      text
        .normalize('NFKC')
        .toLowerCase()
        .split(/[^\p{L}\p{M}\p{N}]+/u),
    )
    .filter((name) => name.length >= 3);
  let rest = password;
  for (const word of [...names, ...COMMON_WORDS]) rest = rest.replaceAll(word, ' ');
  return new Set(withoutRuns(rest).replaceAll(/\s/g, '')).size < MIN_DIFFERENT;
}

/** The text without the longest stretches of at least three characters that lie in one row. */
function withoutRuns(text: string): string {
  let rest = '';
  for (let at = 0; at < text.length;) {
    const length = runAt(text, at);
    if (length < MIN_RUN) rest += text.charAt(at);
    at += length < MIN_RUN ? 1 : length;
  }
  return rest;
}

function runAt(text: string, at: number): number {
  let length = MIN_RUN;
  const isRun = (): boolean =>
    at + length <= text.length && ROWS.some((row) => row.includes(text.slice(at, at + length)));
  while (isRun()) length += 1;
  return length === MIN_RUN ? 0 : length - 1;
}
