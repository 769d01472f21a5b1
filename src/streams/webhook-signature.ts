import { webhookSignature } from '../audit/webhook-signature.js';
import { bytesOfSecret } from './sink-secrets.js';

/**
 * The headers that say what a delivery is and that it is ours (Standard Webhooks): an HMAC-SHA256 for
 * each secret, over the id, the time and the body.
 * @param time milliseconds since the epoch
 */
export function webhookHeaders(
  id: string,
  time: number,
  body: string,
  secrets: readonly string[],
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(time / 1000));
  const signatures = secrets.map((secret) =>
    webhookSignature(bytesOfSecret(secret), id, timestamp, body),
  );
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}
