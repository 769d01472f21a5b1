import { Module } from '@nestjs/common';

import { LedgerFollower } from './ledger-follower.js';

/** The log on its way to others as it grows. Uses the port `LedgerReader` where a host keeps a ledger. */
@Module({ providers: [LedgerFollower], exports: [LedgerFollower] })
export class StreamsModule {}
