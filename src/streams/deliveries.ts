import { Injectable } from '@nestjs/common';

import type { Delivery } from './delivery.js';
import type { SinkKind } from './sink.js';
import { WebhookDelivery } from './webhook-delivery.js';

/** The ways to deliver, by the kind of sink. */
@Injectable()
export class Deliveries {
  constructor(private readonly webhooks: WebhookDelivery) {}

  of(_kind: SinkKind): Delivery {
    return this.webhooks;
  }

  /** Gives every connection up. */
  async close(): Promise<void> {
    await Promise.resolve();
  }
}
