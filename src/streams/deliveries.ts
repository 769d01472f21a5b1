import { Injectable } from '@nestjs/common';

import type { Delivery } from './delivery.js';
import { NatsDelivery } from './nats-delivery.js';
import type { SinkKind } from './sink.js';
import { WebhookDelivery } from './webhook-delivery.js';

/** The ways to deliver, by the kind of sink. */
@Injectable()
export class Deliveries {
  constructor(
    private readonly webhooks: WebhookDelivery,
    private readonly nats: NatsDelivery,
  ) {}

  of(kind: SinkKind): Delivery {
    return kind === 'nats' ? this.nats : this.webhooks;
  }

  /** Gives every connection up. */
  close(): Promise<void> {
    return this.nats.close();
  }
}
