import { z } from 'zod';

import { isJsonObject } from '../oauth/claims.js';
import { CommandMistake } from './command-mistake.js';
import { visible } from './visible-text.js';

/** Milliseconds that an answer may take. */
const TIMEOUT = 30_000;

/** Where a service runs, and who administrates it. */
export interface AdminCredentials {
  readonly server: string;
  readonly clientId: string;
  readonly secret: string;
}

const TOKEN = z.object({ access_token: z.string() });
const REFUSAL = z.object({ error: z.string(), error_description: z.string().default('') });
const PROBLEM = z.object({
  detail: z.string(),
  problems: z.array(z.object({ field: z.string(), problem: z.string() })).default([]),
});

/** The service refuses fields of a request. */
export class RefusedFieldsError extends Error {
  override readonly name = 'RefusedFieldsError';

  constructor(readonly problems: z.infer<typeof PROBLEM>['problems']) {
    super('The service refuses fields of the request.');
  }
}

/** The admin API of a running service, over HTTP. What it says of a failure names no secret. */
export class AdminClient {
  private constructor(
    private readonly server: string,
    private readonly token: string,
  ) {}

  /**
   * Asks for a token of the client's own (RFC 6749 section 4.4).
   * @throws CommandMistake when nobody answers, or the client is refused
   */
  static async signIn(
    { server, clientId, secret }: AdminCredentials,
    scope: string,
  ): Promise<AdminClient> {
    const credentials = [clientId, secret].map(encodeURIComponent).join(':');
    const { status, body } = await send(`${server}/connect/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope }),
    });
    const { data: token } = TOKEN.safeParse(body);
    if (status === 200 && token) return new AdminClient(server, token.access_token);
    const { data: refusal } = REFUSAL.safeParse(body);
    if (refusal?.error === 'invalid_client')
      throw new CommandMistake(
        `The service at ${server} does not know the client ${clientId} with this secret.`,
      );
    if (refusal === undefined)
      throw new CommandMistake(`What answers at ${server} is not this service.`);
    const why = visible(`${refusal.error}: ${refusal.error_description}`);
    throw new CommandMistake(`The client ${clientId} gets no token for ${scope}: ${why}`);
  }

  /** @throws CommandMistake */
  get<T>(path: string, shape: z.ZodType<T>): Promise<T> {
    return this.#ask(path, shape, { method: 'GET' });
  }

  /** @throws RefusedFieldsError, CommandMistake */
  post<T>(path: string, shape: z.ZodType<T>, body: object): Promise<T> {
    return this.#ask(path, shape, { method: 'POST', body: JSON.stringify(body) });
  }

  /**
   * The text at this path, piece by piece, as it comes.
   * @throws RefusedFieldsError, CommandMistake
   */
  async *stream(path: string): AsyncGenerator<string> {
    const response = await connect(`${this.server}/admin${path}`, {
      headers: { authorization: `Bearer ${this.token}` },
    });
    if (response.status !== 200 || response.body === null)
      throw this.#refused(response.status, readJson(await response.text()));
    try {
      const pieces = response.body.pipeThrough(new TextDecoderStream());
      for await (const piece of pieces) yield piece;
    } catch (cause) {
      throw new CommandMistake('The answer broke off: what came of it is not whole.', { cause });
    }
  }

  async #ask<T>(path: string, shape: z.ZodType<T>, request: RequestInit): Promise<T> {
    const headers = {
      authorization: `Bearer ${this.token}`,
      ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const { status, body } = await send(`${this.server}/admin${path}`, { ...request, headers });
    const { data } = shape.safeParse(body);
    if (status === 200 && data !== undefined) return data;
    throw this.#refused(status, body);
  }

  #refused(status: number, body: unknown): Error {
    const { data: problem } = PROBLEM.safeParse(body);
    if (status === 400 && problem && problem.problems.length > 0)
      return new RefusedFieldsError(problem.problems);
    const what = problem === undefined ? `it answers ${status}` : visible(problem.detail);
    return new CommandMistake(`The service at ${this.server} does not do it: ${what}`);
  }
}

async function send(
  url: string,
  request: RequestInit,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const response = await connect(url, { ...request, signal: AbortSignal.timeout(TIMEOUT) });
  try {
    return { status: response.status, body: readJson(await response.text()) };
  } catch (cause) {
    throw new CommandMistake(`The answer of ${new URL(url).origin} broke off.`, { cause });
  }
}

async function connect(url: string, request: RequestInit): Promise<Response> {
  try {
    // A redirect would send the secret, or the token, to somewhere that nobody named.
    return await fetch(url, { ...request, redirect: 'error' });
  } catch (cause) {
    throw new CommandMistake(`Nothing answers at ${new URL(url).origin}. Does the service run?`, {
      cause,
    });
  }
}

function readJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
