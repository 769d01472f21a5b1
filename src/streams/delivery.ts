import type { SinkBatch } from './sink-batch.js';
import type { SinkSettings } from './sink.js';

/** A batch that was not delivered, or of which nobody knows; the message holds nothing of the answer. */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError';

  /**
   * @param isGone whether the receiver wants nothing more, ever
   * @param retryAfter milliseconds that the receiver asks for
   */
  constructor(
    message: string,
    readonly isGone = false,
    readonly retryAfter = 0,
    options: ErrorOptions = {},
  ) {
    super(message, options);
  }
}

/** One way to deliver. */
export interface Delivery {
  /**
   * Resolves when the receiver has said that it has every record of the batch.
   * @throws DeliveryError
   */
  deliver(sink: SinkSettings, batch: SinkBatch): Promise<void>;
  /** Tries the way without any record. @throws DeliveryError */
  test(sink: SinkSettings): Promise<void>;
}
