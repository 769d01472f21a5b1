import type { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { connect, NatsConnection, nkeyAuthenticator } from '@nats-io/transport-node';

import { DeliveryError } from './delivery.js';

export type { NatsConnection };

/** What is used of the client for NATS. */
export interface NatsPackages {
  readonly connect: typeof connect;
  readonly nkeyAuthenticator: typeof nkeyAuthenticator;
  readonly jetstream: typeof jetstream;
  readonly jetstreamManager: typeof jetstreamManager;
}

/**
 * Loads the client when it is needed for the first time: nobody else has to have it.
 * @throws DeliveryError when it is not installed
 */
export async function loadNats(): Promise<NatsPackages> {
  try {
    const [transport, streams] = await Promise.all([
      import('@nats-io/transport-node'),
      import('@nats-io/jetstream'),
    ]);
    const { jetstream, jetstreamManager } = streams;
    const { connect, nkeyAuthenticator } = transport;
    return { connect, nkeyAuthenticator, jetstream, jetstreamManager };
  } catch (cause) {
    throw new DeliveryError(
      'NATS needs the packages @nats-io/transport-node and @nats-io/jetstream',
      false,
      0,
      { cause },
    );
  }
}
