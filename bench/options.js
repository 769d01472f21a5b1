import { parseArgs } from 'node:util';

const USAGE = `Usage: npm run bench -- [options]

  --rounds N        counted rounds (5)
  --seconds N       counted seconds of each contender in a round, for each kind of tokens (5)
  --warm-up N       seconds of each contender before the first round (12)
  --connections N   connections, each with one request at a time (32)
  --tokens N        distinct subject tokens (50000)
  --people N        whose tokens they are, in turn (1000); as many as tokens: nobody is known
  --only A,B        some of the contenders: service, service-revocations, service-one-thread,
                    service-no-index, service-plain-audit, batched, single,
                    oidc-provider, oidc-provider-single
  --log-level L     LOG_LEVEL of the service (info, as it is shipped)
  --json FILE       write every figure to a file
  --quick           half a minute, to see that it works; no figures to rely on
  --profile         where the time of the service goes, instead of comparing
`;

export const CONTENDERS = /** @type {const} */ ([
  'service',
  'service-revocations',
  'service-one-thread',
  'service-no-index',
  'service-plain-audit',
  'batched',
  'single',
  'oidc-provider',
  'oidc-provider-single',
]);

/**
 * @typedef {(typeof CONTENDERS)[number]} ContenderName
 * @typedef {ReturnType<typeof readOptions>} Options
 */

/** Reads the command line; ends the process when it cannot be read. */
export function readOptions() {
  const { values } = parse();
  const quick = values.quick === true;
  const names = values.only?.split(',') ?? [...CONTENDERS];
  const only = CONTENDERS.filter((name) => names.includes(name));
  if (only.length !== names.length) stop(`--only: there is ${CONTENDERS.join(', ')}`);
  return {
    rounds: positive('rounds', values.rounds, quick ? 1 : 5),
    seconds: positive('seconds', values.seconds, quick ? 1.5 : 5),
    warmUp: positive('warm-up', values['warm-up'], quick ? 3 : 12),
    connections: positive('connections', values.connections, 32),
    tokens: positive('tokens', values.tokens, quick ? 12_000 : 50_000),
    people: positive('people', values.people, 1000),
    only,
    logLevel: values['log-level'] ?? 'info',
    json: values.json,
    profile: values.profile === true,
    quick,
  };
}

function parse() {
  try {
    return parseArgs({
      options: {
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        'warm-up': { type: 'string' },
        connections: { type: 'string' },
        tokens: { type: 'string' },
        people: { type: 'string' },
        only: { type: 'string' },
        'log-level': { type: 'string' },
        json: { type: 'string' },
        quick: { type: 'boolean' },
        profile: { type: 'boolean' },
      },
    });
  } catch (error) {
    return stop(/** @type {Error} */ (error).message);
  }
}

/** @param {string} name @param {string | undefined} text @param {number} usual */
function positive(name, text, usual) {
  const value = text === undefined ? usual : Number(text);
  return value > 0 && Number.isFinite(value) ? value : stop(`--${name}: must be above 0`);
}

/** @param {string} problem @returns {never} */
function stop(problem) {
  process.stderr.write(`${problem}\n\n${USAGE}`);
  process.exit(2);
}
