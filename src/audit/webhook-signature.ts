import { createHmac } from 'node:crypto';

/** The `webhook-signature` of Standard Webhooks: HMAC-SHA-256 over id, time in seconds and body. */
export function webhookSignature(secret: Buffer, id: string, time: string, body: string): string {
  const signed = createHmac('sha256', secret).update(`${id}.${time}.${body}`);
  return `v1,${signed.digest('base64')}`;
}
