// Records as a company writes them, made by the product's own code: real leaves, sealed with real
// keys. What they tell is made up. Every id, hash and trace id of a record holds the mark, so that a
// copy of all records with another mark is another part of the same log.
import { createHash, hkdfSync, randomUUID } from 'node:crypto';

import { built } from './built.js';
import { ISSUER } from './scene.js';

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
/** Milliseconds since the epoch. */
export const START = Date.UTC(2026, 7, 1);
const PEOPLE = 100_000;
const CLIENTS = 300;
const POLICIES = 20;
const SCOPES = 50;
/** Stories that go on at once: so far apart are the records of a chain. */
const CROWD = 400;
const REFUSALS = ['actor_not_allowed', 'target_not_allowed', 'scope_not_allowed', 'token_expired'];

/** Hexadecimal, and base64url too. */
export const MARK = 'feed';
/** The SHA-256 of a token that very much came of. */
export const HUB = `${MARK}${Buffer.from(sha('hub'), 'hex').toString('base64url').slice(4)}`;
/** Records that came of it. */
const DESCENDANTS = 2_000;

/** @param {string} text */
function sha(text) {
  return createHash('sha256').update(text).digest('hex');
}

/** Numbers from a seed, as quick as they can be (mulberry32). @param {number} seed */
export function numbersFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The `sub` of a person. @param {number} person */
export function personOf(person) {
  const hex = sha(`person ${person}`);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Makes the records of a log one after the other. */
export class Records {
  #random = numbersFrom(7);
  #hex = '';
  /** @type {any[]} */
  #stories = [];
  #made = 0;
  /** @type {any} */
  #hub;
  #people = Array.from({ length: PEOPLE }, (_, person) => personOf(person));

  /** @param {number} count how many there will be @param {number} step milliseconds between them */
  constructor(count, step) {
    this.count = count;
    this.step = step;
  }

  /** The next record. */
  next() {
    const time = Math.floor(START + this.#made * this.step + this.#random() * 1_000);
    this.#made += 1;
    const planted = this.#planted(time);
    if (planted !== undefined) return planted;
    while (this.#stories.length < CROWD) this.#stories.push(this.#story());
    const at = this.#pick(this.#stories.length);
    const story = this.#stories[at];
    const record = story.hops < 0 ? this.#other(time) : this.#hop(story, time);
    if (story.left <= 0) this.#stories[at] = this.#story();
    return record;
  }

  /** @param {number} below */
  #pick(below) {
    return Math.floor(this.#random() * below);
  }

  /** Few are common and many are rare. @param {number} below */
  #skewed(below) {
    return Math.floor(below ** this.#random()) - 1;
  }

  /** @param {number} length */
  #digits(length) {
    if (this.#hex.length < length) this.#hex = sha(`${this.#made} ${this.#random()}`) + this.#hex;
    const digits = this.#hex.slice(0, length);
    this.#hex = this.#hex.slice(length);
    return digits;
  }

  /** @param {number} time */
  #id(time) {
    const hex = time.toString(16).padStart(12, '0');
    return `${hex.slice(0, 8)}-${hex.slice(8)}-7${this.#digits(3)}-8${this.#digits(3)}-${MARK}${this.#digits(8)}`;
  }

  #hash() {
    return `${MARK}${Buffer.from(this.#digits(58), 'hex').toString('base64url')}`;
  }

  #story() {
    const kind = this.#random();
    if (kind > 0.9) return { hops: -1, left: 0 };
    const hops = 1 + this.#skewed(5);
    const sub = this.#people[this.#pick(2) === 0 ? this.#skewed(PEOPLE) : this.#pick(PEOPLE)];
    return {
      hops,
      left: hops + 1,
      client: this.#skewed(CLIENTS),
      sub,
      token: undefined,
      actors: [],
    };
  }

  /** @param {number} time */
  #base(time) {
    return {
      id: this.#id(time),
      schema: 1,
      time,
      event: 'grant',
      outcome: 'granted',
      requestId: this.#id(time),
      traceId: `${MARK}${this.#digits(28)}`,
      address: `10.${this.#pick(256)}.${this.#pick(256)}.${this.#pick(256)}`,
    };
  }

  /** @param {number} client */
  #client(client) {
    return {
      clientId: `service-${client}`,
      method: 'client_secret_basic',
      secretId: 'kX2pQ9vRt0aZ',
    };
  }

  /** The sign-in first, then exchange after exchange. @param {any} story @param {number} time */
  #hop(story, time) {
    story.left -= 1;
    const base = this.#base(time);
    const subject = { iss: ISSUER, sub: story.sub };
    const before = story.token;
    const expiresAt = Math.floor(time / 1_000) + 600;
    if (before === undefined) {
      const scope = [0, 1, 2].map(() => `scope-${this.#skewed(SCOPES)}:read`);
      const clientId = `service-${story.client}`;
      const token = {
        hash: this.#hash(),
        type: ACCESS_TOKEN,
        issuer: ISSUER,
        jti: base.id,
        clientId,
        audience: [clientId],
        scope,
        expiresAt,
      };
      story.token = token;
      const grantType = this.#random() < 0.6 ? 'authorization_code' : 'refresh_token';
      return {
        ...base,
        grantType,
        client: this.#client(story.client),
        subject,
        sid: this.#digits(32),
        authorizationId: randomUUID(),
        mode: 'own',
        issuedToken: token,
      };
    }
    const chainId = story.chainId ?? this.#id(time);
    const parentId = story.chainId === undefined ? undefined : story.parentId;
    const client = story.client;
    const target = (client * 7 + 3) % CLIENTS;
    const clientId = `service-${client}`;
    const actor = { iss: ISSUER, sub: clientId, clientId };
    const actors = [actor, ...story.actors];
    const policy = `policy-${client % POLICIES}`;
    const attempt = {
      ...base,
      grantType: EXCHANGE,
      client: this.#client(client),
      subject,
      actor,
      inboundActors: story.actors,
      subjectToken: { ...before, acr: 'urn:example:acr:password', authTime: expiresAt - 700 },
      chainId,
      ...(parentId === undefined ? {} : { parentId }),
      requested: { audience: [`service-${target}`], scope: before.scope, tokenType: ACCESS_TOKEN },
    };
    if (this.#random() < 0.055) {
      story.left = 0;
      const reason = REFUSALS[this.#pick(REFUSALS.length)];
      const isChecked = reason !== 'token_expired';
      const { chainId: _, parentId: __, subject: ___, ...unknown } = attempt;
      return isChecked
        ? { ...attempt, outcome: 'refused', reason, error: 'access_denied' }
        : {
            ...unknown,
            outcome: 'refused',
            reason,
            error: 'invalid_request',
            subjectToken: { hash: before.hash },
          };
    }
    const token = {
      ...before,
      hash: this.#hash(),
      jti: `${base.id}.${chainId}`,
      clientId,
      audience: [`service-${target}`],
      expiresAt,
    };
    Object.assign(story, { token, chainId, parentId: base.id, client: target, actors });
    return {
      ...attempt,
      actors,
      act: actors.reduceRight(
        (act, { iss, sub }) => ({ iss, sub, client_id: sub, ...(act ? { act } : {}) }),
        /** @type {any} */ (undefined),
      ),
      mode: 'delegation',
      basis: { policy, version: `${policy}-${sha(policy).slice(0, 12)}`, rule: 'any-of' },
      issuedToken: token,
    };
  }

  /** What is no exchange. @param {number} time */
  #other(time) {
    const base = this.#base(time);
    const client = this.#client(this.#skewed(CLIENTS));
    const kind = this.#random();
    const sub = this.#people[this.#pick(PEOPLE)];
    if (kind < 0.4)
      return {
        ...base,
        grantType: 'client_credentials',
        client,
        subject: { iss: ISSUER, sub: client.clientId, clientId: client.clientId },
        mode: 'own',
        issuedToken: { hash: this.#hash(), type: ACCESS_TOKEN, issuer: ISSUER, jti: base.id },
      };
    if (kind < 0.9)
      return {
        ...base,
        event: 'authentication',
        ...(kind < 0.45 ? { outcome: 'refused', reason: 'credentials_wrong' } : {}),
        subject: { iss: ISSUER, sub },
        sid: this.#digits(32),
      };
    return { ...base, event: 'introspection', client, subjectToken: { hash: this.#hash() } };
  }

  /** @param {number} time */
  #planted(time) {
    const place = this.#made - 1;
    const middle = Math.floor(this.count / 2);
    if (place === middle) {
      const story = { hops: 1, left: 9, client: 1, sub: this.#people[7], actors: [] };
      const record = this.#hop(story, time);
      story.token = { ...story.token, hash: HUB };
      this.#hub = story;
      return { ...record, issuedToken: story.token };
    }
    const after = place - middle;
    // Two levels: exchanges of the one token, and what came of each of those.
    if (this.#hub === undefined || after > DESCENDANTS * 10 || after % 10 !== 0) return undefined;
    const story = after % 20 === 10 ? { ...this.#hub } : this.#last;
    const record = this.#hop(story, time);
    this.#last = story;
    return record;
  }

  /** @type {any} */
  #last;
}

/** Turns records into rows as the service does, with the keys of everybody. */
export class Rows {
  /** @param {any} dataSource @param {Buffer} encryptionKey */
  static async open(dataSource, encryptionKey) {
    const { TypeormSubjectKeys } = await built('typeorm/typeorm-subject-keys.js');
    const { PreparedRow } = await built('typeorm/audit-row.js');
    const { Frontier } = await built('audit/ledger/frontier.js');
    const keys = new TypeormSubjectKeys(dataSource, { encryptionKey });
    return new Rows(dataSource, keys, PreparedRow, Frontier);
  }

  /** @type {Map<string, any>} */
  #references = new Map();
  /** @type {Map<string, any>} */
  #known = new Map();

  /** @param {any} dataSource @param {any} keys @param {any} PreparedRow @param {any} Frontier */
  constructor(dataSource, keys, PreparedRow, Frontier) {
    this.dataSource = dataSource;
    this.keys = keys;
    this.PreparedRow = PreparedRow;
    this.head = Frontier.EMPTY;
  }

  /** Looks up whose key it is, as the keys do, but remembers everybody. @param {any} owner @param {number} time */
  referenceOf(owner, time) {
    const name =
      owner === null ? String(Math.floor(time / 86_400_000)) : `${owner.iss} ${owner.sub}`;
    let reference = this.#references.get(name);
    if (reference === undefined) {
      reference = this.keys.referenceOf(owner, time);
      this.#references.set(name, reference);
    }
    return reference;
  }

  /** @param {readonly any[]} records @returns {Promise<readonly any[]>} finished rows, with their places */
  async finish(records) {
    const prepared = records.map((record) => new this.PreparedRow(record, this, ISSUER));
    const missing = prepared
      .flatMap((row) => row.references)
      .filter(({ reference }) => !this.#known.has(reference));
    if (missing.length > 0) {
      const made = await this.keys.obtain(missing, (text, values) =>
        this.dataSource.query(text, values),
      );
      for (const [reference, key] of made) this.#known.set(reference, key);
    }
    const start = this.head.size;
    const finished = prepared.map((row) => row.finish(this.#known));
    this.head = this.head.append(finished.map((row) => row.leaf_hash));
    return finished.map((row, at) => ({ sequence: start + at, ...row }));
  }
}

/** The key of the bench: nobody's secret. */
export const ENCRYPTION_KEY = Buffer.from(
  hkdfSync('sha256', 'bench', '', 'nest-token-exchange bench', 32),
);
