import { Injectable } from '@nestjs/common';

import { Clock } from '../oauth/clock.js';
import { FetchRefusedError, FetchSettings, GuardedFetch } from '../tokens/guarded-fetch.js';
import { DeliveryError, type Delivery } from './delivery.js';
import { batchId, bodyOf, type SinkBatch } from './sink-batch.js';
import { SinkSecrets } from './sink-secrets.js';
import type { SinkSettings } from './sink.js';
import { webhookHeaders } from './webhook-signature.js';

/** Milliseconds that a delivery may take. */
const TIMEOUT = 10_000;
/** Milliseconds that a receiver can ask for at most. */
const LONGEST = 24 * 3_600_000;

/** Delivers over HTTPS, signed (Standard Webhooks), and never to where a server must not be sent. */
@Injectable()
export class WebhookDelivery implements Delivery {
  readonly #fetch: GuardedFetch;

  constructor(
    { allowLoopbackHttp, allowPrivateNetworks, resolve }: FetchSettings,
    private readonly secrets: SinkSecrets,
    private readonly clock: Clock,
  ) {
    const settings = { allowLoopbackHttp, allowPrivateNetworks, resolve, timeout: TIMEOUT };
    this.#fetch = new GuardedFetch(new FetchSettings(settings));
  }

  async deliver(sink: SinkSettings, batch: SinkBatch): Promise<void> {
    const { type, body } = bodyOf(batch);
    const now = this.clock.now();
    const { current, previous } = this.secrets.webhook(sink);
    const others = previous !== undefined && previous.until > now ? [previous.secret] : [];
    const headers = {
      'Content-Type': type,
      'User-Agent': 'nest-token-exchange',
      ...webhookHeaders(batchId(batch), now, body, [current, ...others]),
    };
    const { status, retryAfter } = await this.#post(sink.url, headers, body);
    if (status >= 200 && status < 300) return;
    throw new DeliveryError(`status ${status}`, status === 410, this.#wait(retryAfter));
  }

  /** A batch of nothing, signed as every other. */
  test(sink: SinkSettings): Promise<void> {
    return this.deliver(sink, { format: sink.format, messages: [], head: '' });
  }

  async #post(
    url: string,
    headers: Readonly<Record<string, string>>,
    body: string,
  ): ReturnType<GuardedFetch['post']> {
    try {
      return await this.#fetch.post(url, headers, body);
    } catch (cause) {
      if (!(cause instanceof FetchRefusedError)) throw cause;
      throw new DeliveryError(cause.message, false, 0, { cause });
    }
  }

  /** Seconds or a date (RFC 9110 section 10.2.3); what is neither asks for nothing. */
  #wait(retryAfter: string | undefined): number {
    if (retryAfter === undefined) return 0;
    const asked = /^\d{1,9}$/.test(retryAfter)
      ? Number(retryAfter) * 1000
      : Date.parse(retryAfter) - this.clock.now();
    return Number.isNaN(asked) ? 0 : Math.min(Math.max(asked, 0), LONGEST);
  }
}
