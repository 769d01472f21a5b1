import { randomBytes } from 'node:crypto';

import { Injectable } from '@nestjs/common';

import { KeySeal } from '../keys/key-seal.js';
import { KeySettings } from '../keys/key-store.js';
import type { SinkSettings } from './sink.js';

/** What signs the deliveries of a webhook. */
export interface WebhookSecrets {
  /** `whsec_` and 32 bytes in base64. */
  readonly current: string;
  /** The one before, which signs too until a time in milliseconds since the epoch. */
  readonly previous?: { readonly secret: string; readonly until: number };
}

/** How this server proves itself to a NATS server. */
export type NatsCredentials =
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'nkey'; readonly seed: string };

const PREFIX = 'whsec_';

/** A new secret in the form of Standard Webhooks. */
export function makeWebhookSecret(): string {
  return `${PREFIX}${randomBytes(32).toString('base64')}`;
}

/** The bytes of a secret of ours. */
export function bytesOfSecret(secret: string): Buffer {
  return Buffer.from(secret.slice(PREFIX.length), 'base64');
}

/** Seals what sinks are spoken to with: each opens for its own sink alone. */
@Injectable()
export class SinkSecrets {
  readonly #seal: KeySeal;

  constructor({ encryptionKey }: KeySettings) {
    this.#seal = new KeySeal(encryptionKey, 'sink');
  }

  seal(id: string, secrets: WebhookSecrets | NatsCredentials): string {
    return this.#seal.seal(id, JSON.stringify(secrets));
  }

  /** @throws KeySealError when it does not open */
  webhook({ id, sealedSecret }: SinkSettings): WebhookSecrets {
    return JSON.parse(this.#seal.open(id, sealedSecret ?? '')) as WebhookSecrets;
  }

  /** Undefined for a sink that needs none. @throws KeySealError when it does not open */
  nats({ id, sealedSecret }: SinkSettings): NatsCredentials | undefined {
    if (sealedSecret === null) return undefined;
    return JSON.parse(this.#seal.open(id, sealedSecret)) as NatsCredentials;
  }
}
