import {
  AnchorError,
  LedgerAnchor,
  type DepartingCheckpoint,
} from '../audit/ledger/ledger-anchor.js';
import { webhookSignature } from '../audit/webhook-signature.js';
import type { Clock } from '../oauth/clock.js';
import type { GuardedFetch } from '../tokens/guarded-fetch.js';
import { post } from './post.js';

/** Where checkpoints are sent, and the secret that proves who sent them. */
export interface WebhookAnchorSettings {
  readonly url: string;
  readonly secret: Buffer;
}

/**
 * Sends every anchored checkpoint to an address, signed as Standard Webhooks has it. The id is that of
 * the checkpoint, so that a receiver knows it again when it was sent twice.
 */
export class WebhookAnchor extends LedgerAnchor {
  readonly name = 'webhook';

  constructor(
    private readonly settings: WebhookAnchorSettings,
    private readonly fetch: GuardedFetch,
    private readonly clock: Clock,
  ) {
    super();
  }

  /** Nobody can ask it. */
  last(): Promise<null> {
    return Promise.resolve(null);
  }

  async keep({ note, size, root }: DepartingCheckpoint): Promise<null> {
    const id = `checkpoint_${size}_${root.toString('hex', 0, 8)}`;
    const time = String(Math.floor(this.clock.now() / 1000));
    const headers = {
      'webhook-id': id,
      'webhook-timestamp': time,
      'webhook-signature': webhookSignature(this.settings.secret, id, time, note),
    };
    const { status } = await post(this.fetch, this.settings.url, note, headers, false);
    if (status < 200 || status > 299) throw new AnchorError(`status_${status}`);
    return null;
  }
}
