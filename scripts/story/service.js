const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';

/** Why the story cannot go on, in one sentence for whoever started it. */
export class StoryStop extends Error {
  /** @override */
  name = 'StoryStop';
}

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {any} body the JSON of the answer; an empty object when there is none
 */

/** The running service as its clients see it: plain HTTP, nothing of its source. */
export class Service {
  #secrets;
  #people;

  /** @param {import('./demo-file.js').Demo} demo */
  constructor({ issuer, clients, people }) {
    this.issuer = issuer;
    this.#people = people;
    this.#secrets = new Map(clients.map((client) => [client.clientId, client.clientSecret]));
  }

  /** Throws `StoryStop` when nobody answers as this issuer. */
  async checkThatItRuns() {
    const { status, body } = await this.#send('/.well-known/openid-configuration');
    if (status !== 200 || body.issuer !== this.issuer) {
      throw new StoryStop(`What answers at ${this.issuer} is not this service: run "npm start".`);
    }
  }

  /** The demo person with this username, and what they type. */
  person(username) {
    const person = this.#people.find((each) => each.username === username);
    if (person === undefined) throw new StoryStop(`The demo has no person called ${username}.`);
    return person;
  }

  /** @returns {Promise<Answer>} a client's token in its own name (RFC 6749 section 4.4) */
  clientCredentials(clientId) {
    return this.#token(clientId, this.#secrets.get(clientId), { grant_type: 'client_credentials' });
  }

  /**
   * @param {string} clientId who asks
   * @param {Record<string, string>} form the rest of the exchange request (RFC 8693 section 2.1)
   * @param {string} [secret] another secret than the client's own
   * @returns {Promise<Answer>}
   */
  exchange(clientId, form, secret = this.#secrets.get(clientId)) {
    return this.#token(clientId, secret, { grant_type: TOKEN_EXCHANGE, ...form });
  }

  /** @returns {Promise<Answer>} what a client learns of a token (RFC 7662) */
  introspect(clientId, token) {
    return this.#post('/connect/introspect', clientId, this.#secrets.get(clientId), { token });
  }

  /** @returns {Promise<Answer>} what a client is told that takes its token back (RFC 7009) */
  revoke(clientId, token) {
    return this.#post('/connect/revocation', clientId, this.#secrets.get(clientId), { token });
  }

  /**
   * @param {string} token an administrator's
   * @param {string} method
   * @param {string} path below `/admin`
   * @param {unknown} [body]
   * @returns {Promise<Answer>}
   */
  admin(token, method, path, body) {
    return this.#send(`/admin${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  #token(clientId, secret, form) {
    return this.#post('/connect/token', clientId, secret, form);
  }

  #post(path, clientId, secret, form) {
    const credentials = Buffer.from(`${clientId}:${secret}`).toString('base64');
    return this.#send(path, {
      method: 'POST',
      headers: { authorization: `Basic ${credentials}` },
      body: new URLSearchParams(form),
    });
  }

  async #send(path, request = {}) {
    try {
      const response = await fetch(`${this.issuer}${path}`, request);
      const text = await response.text();
      return { status: response.status, body: readJson(text) };
    } catch (cause) {
      throw new StoryStop(`Nothing answers at ${this.issuer}: run "npm start" and try again.`, {
        cause,
      });
    }
  }
}

/** What a token says, without checking it: for looking, never for deciding. */
export function claimsOf(token) {
  return JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString('utf8'));
}

/** The token in an answer; throws `StoryStop` when there is none, because nothing goes on without it. */
export function grantedTo(clientId, { status, body }) {
  if (status === 200 && typeof body.access_token === 'string') return body.access_token;
  const why = `${status} ${body.error ?? ''} ${body.error_description ?? ''}`;
  throw new StoryStop(`${clientId} was to get a token and was refused: ${why.trim()}`);
}

function readJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
