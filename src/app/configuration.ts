import { isIP } from 'node:net';
import { resolve } from 'node:path';

import { z } from 'zod';

import { readWitnessKey, type WitnessKey } from '../audit/ledger/cosignature.js';
import { SIGNING_ALGORITHMS } from '../keys/signing-key.js';
import type { AnchorsOptions } from '../anchors/anchors.module.js';
import type { SignInOptions } from '../token-exchange.options.js';

const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((each) => each.trim())
      .filter((each) => each !== ''),
  );

const encryptionKey = z.string().transform((text, context) => {
  const isHex = /^[0-9a-f]{64}$/i.test(text);
  const key = Buffer.from(text, isHex ? 'hex' : 'base64');
  // Node skips what is no base64, so that a passphrase would pass for a weak key.
  if (key.length !== 32 || !(isHex || /^[A-Za-z0-9+/_-]{43}=?$/.test(text)))
    context.addIssue({ code: 'custom', message: 'must be 32 bytes in base64, base64url or hex' });
  return key;
});

/** Standard Webhooks: `whsec_` and 24 to 64 bytes in base64. */
const webhookSecret = z.string().transform((text, context) => {
  const [, encoded = ''] = /^whsec_([A-Za-z0-9+/]+=*)$/.exec(text) ?? [];
  const secret = Buffer.from(encoded, 'base64');
  if (secret.length < 24 || secret.length > 64 || secret.toString('base64') !== encoded)
    context.addIssue({ code: 'custom', message: 'must be whsec_ and 24 to 64 bytes in base64' });
  return secret;
});

const witnesses = list.transform((texts, context) =>
  texts.flatMap((text): { url: string; key: WitnessKey }[] => {
    const [url = '', key = '', ...rest] = text.split(/\s+/);
    try {
      if (!isPlainUrl(url) || rest.length > 0) throw new Error('no address');
      return [{ url: url.replace(/\/+$/, ''), key: readWitnessKey(key) }];
    } catch {
      const message =
        'must be pairs of a URL and a verifier key of the type 4, with a space between';
      context.addIssue({ code: 'custom', message });
      return [];
    }
  }),
);

const DAY = 24 * 60 * 60_000;
const flag = z.enum(['true', 'false']).transform((text) => text === 'true');
const seconds = (least: number, most: number) => z.coerce.number().int().min(least).max(most);

/**
 * Every setting of the service, read from the environment. Descriptions say meaning, unit and
 * default; `docs/configuration.md` is held against them by a test.
 */
const SCHEMA = z.object({
  NODE_ENV: z
    .enum(['development', 'production', 'test'])
    .default('development')
    .describe('The mode. Production refuses development defaults. Default: development.'),
  ISSUER: z
    .string()
    .optional()
    .describe(
      'The issuer identifier: a URL without trailing slash, query or fragment; https, or http on loopback outside production; one with a path needs a proxy that strips it. Default in development: http://localhost:PORT.',
    ),
  HOST: z
    .string()
    .min(1)
    .optional()
    .describe(
      'The address to listen on; loopback only in development. Default: 127.0.0.1 in development, 0.0.0.0 in production.',
    ),
  PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(3000)
    .describe('The port to listen on; 0 for any free one, which needs ISSUER. Default: 3000.'),
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' })
    .optional()
    .describe(
      'A PostgreSQL server of your own. Default in development: an embedded server under DATA_DIR.',
    ),
  DATABASE_POOL_SIZE: z.coerce
    .number()
    .int()
    .min(2)
    .max(100)
    .default(10)
    .describe('Connections to the database at most. Default: 10.'),
  DATA_DIR: z
    .string()
    .min(1)
    .default('./data')
    .describe(
      'Where development keeps the embedded database, its encryption key and demo.json. Default: ./data.',
    ),
  KEY_ENCRYPTION_KEY: encryptionKey
    .optional()
    .describe(
      '32 bytes (base64, base64url or hex) that seal the private signing keys in the database. Development makes one under DATA_DIR.',
    ),
  SIGNING_ALGORITHM: z
    .enum(SIGNING_ALGORITHMS)
    .default('ES256')
    .describe('Signs access tokens: ES256, RS256, PS256 or EdDSA. Default: ES256.'),
  KEY_ANNOUNCEMENT: seconds(0, 7 * 86_400)
    .default(600)
    .describe('Seconds that a new key is published before it signs. Default: 600.'),
  CHAIN_LIFETIME: seconds(60, 30 * 86_400)
    .default(8 * 3600)
    .describe(
      'Seconds that a delegation chain lives at most, from its first exchange. Default: 28800.',
    ),
  EXCHANGED_CLIENT_ID: z
    .enum(['original', 'requester'])
    .default('original')
    .describe(
      'Whose id the client_id of an exchanged token is (RFC 8693 section 4.3). Default: original.',
    ),
  ACTOR_CLAIMS: list.describe(
    'Claims of an actor token that are copied into act, by exact name, comma-separated. Default: none.',
  ),
  FORBIDDEN_ACTOR_CLAIMS: list.describe(
    'Claims whose presence in an actor token refuses it. Default: none.',
  ),
  EXCLUDED_SUBJECT_CLAIMS: list.describe(
    'Claims of the subject token that are not carried over; never act. Default: none.',
  ),
  PRIVATE_NETWORKS: flag
    .optional()
    .describe(
      'Whether keys of trusted issuers may be fetched from private addresses, and anchors of the ledger and sinks be there. Default: true in development, false in production.',
    ),
  LEDGER_ANCHOR_INTERVAL: seconds(1, 86_400)
    .default(60)
    .describe(
      'Seconds from one checkpoint that is given to the anchors to the next, while there is news. Default: 60.',
    ),
  LEDGER_ANCHOR_FILE: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A file to which checkpoints of the ledger are appended; best in a folder that is mounted from elsewhere. Default: none.',
    ),
  LEDGER_ANCHOR_GIT: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A folder with a git repository, made when it is not there, in which each of these checkpoints is a commit. Default: none.',
    ),
  LEDGER_ANCHOR_GIT_REMOTE: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'must be the name of a remote of the repository')
    .optional()
    .describe('The remote of that repository to which each commit is pushed. Default: none.'),
  LEDGER_ANCHOR_WEBHOOK: z
    .string()
    .refine(isPlainUrl, 'must be a URL without user and fragment')
    .optional()
    .describe(
      'A URL to which these checkpoints are posted, signed as Standard Webhooks has it. Default: none.',
    ),
  LEDGER_ANCHOR_WEBHOOK_SECRET: webhookSecret
    .optional()
    .describe(
      'The secret of these signatures: whsec_ and 24 to 64 bytes in base64. Default: none.',
    ),
  LEDGER_WITNESSES: witnesses.describe(
    'Witnesses that cosign these checkpoints (c2sp.org/tlog-witness), comma-separated: the URL that add-checkpoint is below, a space, and the verifier key of the witness. Default: none.',
  ),
  SESSION_LIFETIME: seconds(300, 30 * 86_400)
    .default(12 * 3600)
    .describe('Seconds that a sign-in session lives at most. Default: 43200.'),
  SESSION_IDLE_LIMIT: seconds(60, 30 * 86_400)
    .default(2 * 3600)
    .describe('Seconds without use after which a sign-in session is over. Default: 7200.'),
  REFRESH_TOKEN_LIFETIME: seconds(60, 400 * 86_400)
    .default(30 * 86_400)
    .describe(
      'Seconds from signing in to the end of the last refresh token that comes of it. Default: 2592000.',
    ),
  REFRESH_TOKEN_IDLE_LIMIT: seconds(60, 400 * 86_400)
    .default(7 * 86_400)
    .describe('Seconds from one use of a refresh token to the next. Default: 604800.'),
  REFRESH_TOKEN_OVERLAP: seconds(0, 60)
    .default(5)
    .describe(
      'Seconds after its first use in which a refresh token is good again, for a client that did not get the answer and has not gone on with the next one; 0 for never. Default: 5.',
    ),
  BRAND_NAME: z
    .string()
    .max(60)
    .default('nest-token-exchange')
    .describe('Whose pages they are, beside the logo. Default: nest-token-exchange.'),
  THEME_DIR: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A folder with theme.css, logo.svg, templates/ and locales/ of your own for the pages; see docs/pages.md. Default: none.',
    ),
  TRUST_PROXY: list.describe(
    'Addresses or networks of reverse proxies whose X-Forwarded-For is believed, comma-separated. Default: none.',
  ),
  AUDIT_RETENTION: z.coerce
    .number()
    .int()
    .min(1)
    .max(36_500)
    .optional()
    .describe(
      'Days that records are kept at least; older ones go in whole partitions of about a week, and their hashes stay. Default: none, records are kept for ever.',
    ),
  AUDIT_THREAD: flag
    .optional()
    .describe(
      'Whether a thread of its own writes and indexes the records. Default: true where there is more than one processor.',
    ),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('The least severe log lines that are written. Default: info.'),
  SHUTDOWN_DELAY: seconds(0, 300)
    .optional()
    .describe(
      'Seconds between "not ready" and closing the door at SIGTERM, for load balancers. Default: 0 in development, 5 in production.',
    ),
  SHUTDOWN_TIMEOUT: seconds(1, 300)
    .default(20)
    .describe('Seconds that requests under way get to finish at SIGTERM. Default: 20.'),
  FIRST_ADMIN_SECRET: z
    .string()
    .regex(/^[A-Za-z0-9_-]{43,256}$/, 'must be at least 43 of the characters A-Z a-z 0-9 _ -')
    .optional()
    .describe(
      'The secret of the first administrator, the client admin_cli, made when the database holds no client at all; one that exists is made to reach the admin API of this issuer. Default: none.',
    ),
  ADMIN_SECRET: z
    .string()
    .min(1)
    .optional()
    .describe(
      'The secret with which the command "policy" proves itself at a running service, which is at ISSUER; the service itself does not use it. Default: that of demo.json under DATA_DIR.',
    ),
});

/** The settings of the service, checked. */
export interface Configuration {
  readonly mode: 'development' | 'production' | 'test';
  readonly issuer: string;
  readonly host: string;
  readonly port: number;
  readonly database: { readonly url: string | undefined; readonly poolSize: number };
  readonly dataDir: string;
  readonly keys: {
    readonly encryptionKey: Buffer | undefined;
    readonly algorithm: (typeof SIGNING_ALGORITHMS)[number];
    /** Milliseconds. */
    readonly announcement: number;
  };
  readonly tokens: {
    readonly chainLifetime: number;
    readonly exchangedClientId: 'original' | 'requester';
    readonly actorClaims: readonly string[];
    readonly forbiddenActorClaims: readonly string[];
    readonly excludedSubjectClaims: readonly string[];
  };
  readonly fetch: { readonly allowLoopbackHttp: boolean; readonly allowPrivateNetworks: boolean };
  readonly signIn: SignInOptions;
  readonly anchors: AnchorsOptions;
  readonly pages: { readonly brandName: string; readonly themeDir: string | undefined };
  readonly trustProxy: readonly string[];
  /** Milliseconds; undefined to keep records for ever. */
  readonly auditRetention: number | undefined;
  /** Undefined where the number of processors decides. */
  readonly auditThread: boolean | undefined;
  readonly logLevel: string;
  /** Milliseconds. */
  readonly shutdown: { readonly delay: number; readonly timeout: number };
  readonly firstAdminSecret: string | undefined;
}

/** What a command needs to reach the admin API of a running service. */
export interface AdministrationSettings {
  readonly issuer: string | undefined;
  readonly secret: string | undefined;
  readonly dataDir: string;
}

/** Everything that is wrong with the configuration, at once. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';

  constructor(readonly problems: readonly string[]) {
    super(
      `The configuration is not usable:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
    );
  }
}

/** The settings and what each means, for the documentation. */
export function describeSettings(): readonly { readonly name: string; readonly meaning: string }[] {
  return Object.entries(SCHEMA.shape).map(([name, type]) => ({
    name,
    meaning: type.description ?? '',
  }));
}

/**
 * Reads and checks the environment; empty values count as absent.
 * @throws ConfigurationError with every problem
 */
export function readConfiguration(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Configuration {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = SCHEMA.safeParse(given);
  const problems =
    parsed.error?.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`) ?? [];
  const partial =
    parsed.data ?? SCHEMA.partial().safeParse(withoutFaulty(given, parsed.error)).data;
  if (partial) problems.push(...togetherProblems(partial, given));
  if (!parsed.data || problems.length > 0) throw new ConfigurationError(problems);
  return configurationOf(parsed.data, given);
}

/**
 * The same for what administrates a running service from elsewhere, whose other settings it does
 * not know.
 * @throws ConfigurationError with every problem
 */
export function readAdministrationSettings(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): AdministrationSettings {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const { ISSUER, ADMIN_SECRET, DATA_DIR } = SCHEMA.pick({
    ISSUER: true,
    ADMIN_SECRET: true,
    DATA_DIR: true,
  }).parse(given);
  const problems = ISSUER === undefined ? [] : issuerProblems(ISSUER, false);
  if (problems.length > 0) throw new ConfigurationError(problems);
  return { issuer: ISSUER, secret: ADMIN_SECRET, dataDir: resolve(DATA_DIR) };
}

type Settings = z.infer<typeof SCHEMA>;

function withoutFaulty(
  given: Record<string, string | undefined>,
  error: z.ZodError | undefined,
): Record<string, string | undefined> {
  const faulty = new Set(error?.issues.map((issue) => String(issue.path[0])));
  return Object.fromEntries(Object.entries(given).filter(([name]) => !faulty.has(name)));
}

function togetherProblems(
  settings: { readonly [Name in keyof Settings]?: Settings[Name] | undefined },
  given: Readonly<Record<string, string | undefined>>,
): string[] {
  const problems: string[] = [];
  const isProduction = settings.NODE_ENV === 'production';
  if (settings.ISSUER !== undefined)
    problems.push(...issuerProblems(settings.ISSUER, isProduction));
  if (settings.EXCLUDED_SUBJECT_CLAIMS?.includes('act'))
    problems.push('EXCLUDED_SUBJECT_CLAIMS: act can never be dropped');
  if (settings.TRUST_PROXY?.every(isNetwork) === false)
    problems.push('TRUST_PROXY: must be IP addresses or networks, such as 10.0.0.0/8');
  if (settings.PORT === 0 && given['ISSUER'] === undefined)
    problems.push('PORT: 0 needs ISSUER, which cannot be made from it');
  if (settings.NODE_ENV === 'development' && !isLoopback(settings.HOST ?? '127.0.0.1'))
    problems.push('HOST: development listens on loopback only; use NODE_ENV=production');
  problems.push(...anchorProblems(settings, isProduction));
  if (!isProduction) return problems;
  if (given['ISSUER'] === undefined)
    problems.push('ISSUER: production needs the public https URL of this service');
  if (given['DATABASE_URL'] === undefined)
    problems.push('DATABASE_URL: production needs a PostgreSQL server of its own');
  if (given['KEY_ENCRYPTION_KEY'] === undefined) {
    problems.push(
      'KEY_ENCRYPTION_KEY: production needs 32 random bytes, for example from: openssl rand -base64 32',
    );
  }
  return problems;
}

function anchorProblems(
  settings: { readonly [Name in keyof Settings]?: Settings[Name] | undefined },
  isProduction: boolean,
): string[] {
  const problems: string[] = [];
  const { LEDGER_ANCHOR_WEBHOOK: webhook, LEDGER_WITNESSES: list = [] } = settings;
  if ((webhook === undefined) !== (settings.LEDGER_ANCHOR_WEBHOOK_SECRET === undefined))
    problems.push('LEDGER_ANCHOR_WEBHOOK: needs LEDGER_ANCHOR_WEBHOOK_SECRET, and that needs it');
  if (settings.LEDGER_ANCHOR_GIT_REMOTE !== undefined && settings.LEDGER_ANCHOR_GIT === undefined)
    problems.push('LEDGER_ANCHOR_GIT_REMOTE: needs LEDGER_ANCHOR_GIT');
  if (new Set(list.map(({ key }) => key.name)).size !== list.length)
    problems.push('LEDGER_WITNESSES: each key may be there once');
  if (isProduction && webhook?.startsWith('https:') === false)
    problems.push('LEDGER_ANCHOR_WEBHOOK: must be https in production');
  if (isProduction && list.some(({ url }) => !url.startsWith('https:')))
    problems.push('LEDGER_WITNESSES: must be https in production');
  return problems;
}

function isPlainUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, hash } = new URL(text);
  return /^https?:$/.test(protocol) && username + password + hash === '';
}

function issuerProblems(issuer: string, isProduction: boolean): string[] {
  if (!URL.canParse(issuer)) return ['ISSUER: must be a URL'];
  const url = new URL(issuer);
  const problems: string[] = [];
  if (
    url.protocol !== 'https:' &&
    !(url.protocol === 'http:' && isLoopback(url.hostname) && !isProduction)
  ) {
    problems.push(
      isProduction
        ? 'ISSUER: must be https in production'
        : 'ISSUER: must be https, or http on loopback',
    );
  }
  if (
    /[?#]|\/$/.test(issuer) ||
    url.username !== '' ||
    `${url.origin}${url.pathname}`.replace(/\/$/, '') !== issuer
  ) {
    problems.push(
      'ISSUER: must be in normal form, without trailing slash, query, fragment or user',
    );
  }
  return problems;
}

/** Whether a host name or an address means this machine. */
export function isLoopback(host: string): boolean {
  return ['localhost', '127.0.0.1', '::1', '[::1]'].includes(host);
}

function isNetwork(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return (
    prefix === undefined ||
    (/^[0-9]{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128))
  );
}

function configurationOf(
  settings: Settings,
  given: Readonly<Record<string, string | undefined>>,
): Configuration {
  const isProduction = settings.NODE_ENV === 'production';
  return {
    mode: settings.NODE_ENV,
    issuer: settings.ISSUER ?? `http://localhost:${settings.PORT}`,
    host: settings.HOST ?? (isProduction ? '0.0.0.0' : '127.0.0.1'),
    port: settings.PORT,
    database: { url: settings.DATABASE_URL, poolSize: settings.DATABASE_POOL_SIZE },
    dataDir: resolve(settings.DATA_DIR),
    keys: {
      encryptionKey: settings.KEY_ENCRYPTION_KEY,
      algorithm: settings.SIGNING_ALGORITHM,
      announcement: settings.KEY_ANNOUNCEMENT * 1000,
    },
    tokens: {
      chainLifetime: settings.CHAIN_LIFETIME,
      exchangedClientId: settings.EXCHANGED_CLIENT_ID,
      actorClaims: settings.ACTOR_CLAIMS,
      forbiddenActorClaims: settings.FORBIDDEN_ACTOR_CLAIMS,
      excludedSubjectClaims: settings.EXCLUDED_SUBJECT_CLAIMS,
    },
    fetch: {
      allowLoopbackHttp: !isProduction,
      allowPrivateNetworks: settings.PRIVATE_NETWORKS ?? !isProduction,
    },
    signIn: {
      sessions: {
        lifetime: settings.SESSION_LIFETIME * 1000,
        idleLimit: settings.SESSION_IDLE_LIMIT * 1000,
      },
      authorizations: {
        refreshLifetime: settings.REFRESH_TOKEN_LIFETIME * 1000,
        refreshIdleLimit: settings.REFRESH_TOKEN_IDLE_LIMIT * 1000,
        refreshOverlap: settings.REFRESH_TOKEN_OVERLAP * 1000,
      },
    },
    anchors: anchorsOf(settings, given),
    pages: {
      brandName: settings.BRAND_NAME,
      themeDir: settings.THEME_DIR === undefined ? undefined : resolve(settings.THEME_DIR),
    },
    trustProxy: settings.TRUST_PROXY,
    auditRetention:
      settings.AUDIT_RETENTION === undefined ? undefined : settings.AUDIT_RETENTION * DAY,
    auditThread: settings.AUDIT_THREAD,
    logLevel: settings.LOG_LEVEL,
    shutdown: {
      delay: (settings.SHUTDOWN_DELAY ?? (isProduction ? 5 : 0)) * 1000,
      timeout: settings.SHUTDOWN_TIMEOUT * 1000,
    },
    firstAdminSecret: settings.FIRST_ADMIN_SECRET,
  };
}

/** What git needs to run and to reach a remote; nothing else of the environment is its business. */
const GIT_ENVIRONMENT = ['PATH', 'HOME', 'SSH_AUTH_SOCK', 'GIT_SSH_COMMAND', 'TMPDIR'];

function anchorsOf(
  settings: Settings,
  given: Readonly<Record<string, string | undefined>>,
): AnchorsOptions {
  const {
    LEDGER_ANCHOR_FILE: file,
    LEDGER_ANCHOR_GIT: folder,
    LEDGER_ANCHOR_WEBHOOK: url,
    LEDGER_ANCHOR_WEBHOOK_SECRET: secret,
  } = settings;
  const environment = Object.fromEntries(
    GIT_ENVIRONMENT.flatMap((name) => {
      const value = given[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  return {
    interval: settings.LEDGER_ANCHOR_INTERVAL * 1000,
    file: file === undefined ? undefined : resolve(file),
    git:
      folder === undefined
        ? undefined
        : { folder: resolve(folder), remote: settings.LEDGER_ANCHOR_GIT_REMOTE, environment },
    webhook: url === undefined || secret === undefined ? undefined : { url, secret },
    witnesses: settings.LEDGER_WITNESSES,
  };
}
