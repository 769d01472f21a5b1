import type { IncomingMessage } from 'node:http';

import { createParamDecorator, type ExecutionContext } from '@nestjs/common';

import { Problem } from './problem.js';

/** Bytes that a body has at most where nobody says otherwise. */
const MAX_BODY = 100 * 1024;
const MAX_DEPTH = 8;
const JSON_TYPE = /^application\/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;
const LONE_SURROGATE = /\p{Cs}/u;
/** Names that reach an object's prototype when somebody merges carelessly. */
const FORBIDDEN_NAMES: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** A request of which it is known, once its body was read, which fields it names. */
export type JsonRequest = IncomingMessage & { fieldNames?: readonly string[] };

/**
 * The JSON object in the body, read when the handler asks for it, so after the guard: strangers
 * have nothing parsed. Undefined when there is no body. Named with a number it may have so many
 * bytes instead of 100 kB.
 */
export const JsonBody = createParamDecorator(
  (most: number | undefined, context: ExecutionContext) =>
    readJsonBody(context.switchToHttp().getRequest<JsonRequest>(), most ?? MAX_BODY),
);

async function readJsonBody(request: JsonRequest, most: number): Promise<unknown> {
  const { 'content-length': length, 'transfer-encoding': transfer } = request.headers;
  if (transfer === undefined && (length === undefined || Number(length) === 0)) return undefined;
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = request.headers;
  if (!JSON_TYPE.test(type) || encoding !== 'identity') {
    throw new Problem(415, 'The body must be application/json in UTF-8.', {
      headers: { Accept: 'application/json', Connection: 'close' },
    });
  }
  const body = parse(await readBytes(request, most));
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw malformed();
  if (!isPlain(body, MAX_DEPTH)) throw malformed();
  request.fieldNames = Object.keys(body);
  return body;
}

function readBytes(request: IncomingMessage, most: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= most) {
        chunks.push(chunk);
        return;
      }
      request.removeAllListeners('data');
      request.resume();
      reject(
        new Problem(413, `The body is larger than ${most / 1024} kB.`, {
          headers: { Connection: 'close' },
        }),
      );
    });
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', () => reject(malformed()));
    request.once('close', () => reject(malformed()));
  });
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw malformed();
  }
}

/** Whether it holds only what a field of ours can hold: no forbidden name, no text that no store keeps. */
function isPlain(value: unknown, depth: number): boolean {
  if (typeof value === 'string') return !value.includes('\0') && !LONE_SURROGATE.test(value);
  if (typeof value !== 'object' || value === null) return true;
  if (depth === 0) return false;
  return Object.entries(value).every(
    ([name, part]) =>
      !FORBIDDEN_NAMES.has(name) && isPlain(name, depth) && isPlain(part, depth - 1),
  );
}

function malformed(): Problem {
  return new Problem(400, 'The body is not a JSON object that can be read.');
}
