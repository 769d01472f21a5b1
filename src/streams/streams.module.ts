import { Module } from '@nestjs/common';

import { TokensModule } from '../tokens/tokens.module.js';
import { Deliveries } from './deliveries.js';
import { LedgerFollower } from './ledger-follower.js';
import { NatsDelivery } from './nats-delivery.js';
import { SinkSecrets } from './sink-secrets.js';
import { SinkWorker } from './sink-worker.js';
import { WebhookDelivery } from './webhook-delivery.js';

/**
 * The log on its way to others as it grows. Needs the port `SinkStore`, and uses `LedgerReader` where a
 * host keeps a ledger.
 */
@Module({
  imports: [TokensModule],
  providers: [Deliveries, LedgerFollower, NatsDelivery, SinkSecrets, SinkWorker, WebhookDelivery],
  exports: [Deliveries, LedgerFollower, SinkSecrets, SinkWorker],
})
export class StreamsModule {}
