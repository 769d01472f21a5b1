import { Module, type DynamicModule } from '@nestjs/common';

import { AnchorSettings } from '../audit/ledger/anchor-store.js';
import type { WitnessKey } from '../audit/ledger/cosignature.js';
import type { LedgerAnchor } from '../audit/ledger/ledger-anchor.js';
import { LedgerContinuity } from '../audit/ledger/ledger-continuity.js';
import { Clock } from '../oauth/clock.js';
import { GuardedFetch } from '../tokens/guarded-fetch.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { FileAnchor } from './file-anchor.js';
import { GitAnchor, type GitAnchorSettings } from './git-anchor.js';
import { LedgerAnchoring, LedgerAnchors } from './ledger-anchoring.js';
import { WebhookAnchor, type WebhookAnchorSettings } from './webhook-anchor.js';
import { WitnessAnchor } from './witness-anchor.js';

/** Where checkpoints are kept outside of the database; nowhere when nothing is said. */
export interface AnchorsOptions {
  /** Milliseconds from one to the next, while there is news. */
  readonly interval: number;
  /** The path of a file. */
  readonly file?: string | undefined;
  readonly git?: GitAnchorSettings | undefined;
  readonly webhook?: WebhookAnchorSettings | undefined;
  readonly witnesses: readonly { readonly url: string; readonly key: WitnessKey }[];
}

/**
 * Keeps checkpoints where the database does not reach. Needs the ports `AnchorStore` and, where there
 * is a ledger, `LedgerReader`; whoever signs checkpoints asks its `LedgerContinuity` first.
 */
@Module({})
export class AnchorsModule {
  static with(options: AnchorsOptions): DynamicModule {
    return {
      module: AnchorsModule,
      global: true,
      imports: [TokensModule],
      providers: [
        { provide: AnchorSettings, useValue: new AnchorSettings(options) },
        {
          provide: LedgerAnchors,
          useFactory: (fetch: GuardedFetch, clock: Clock) =>
            new LedgerAnchors(anchorsOf(options, fetch, clock)),
          inject: [GuardedFetch, Clock],
        },
        LedgerAnchoring,
        { provide: LedgerContinuity, useExisting: LedgerAnchoring },
      ],
      exports: [AnchorSettings, LedgerContinuity],
    };
  }
}

function anchorsOf(
  { file, git, webhook, witnesses }: AnchorsOptions,
  fetch: GuardedFetch,
  clock: Clock,
): readonly LedgerAnchor[] {
  return [
    ...(file === undefined ? [] : [new FileAnchor(file)]),
    ...(git === undefined ? [] : [new GitAnchor(git)]),
    ...(webhook === undefined ? [] : [new WebhookAnchor(webhook, fetch, clock)]),
    ...witnesses.map((witness) => new WitnessAnchor(witness, fetch)),
  ];
}
