import type { ServerResponse } from 'node:http';

/** Answers with text that no cache may keep (RFC 6749 section 5.1), ahead of the framework's own ways. */
export function sendUncached(
  response: ServerResponse,
  status: number,
  type: string,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    Pragma: 'no-cache',
    ...headers,
  });
  response.end(text);
}

/** Answers with JSON that no cache may keep. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  sendUncached(response, status, 'application/json', JSON.stringify(body), headers);
}
