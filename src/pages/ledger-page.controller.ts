import type { ServerResponse } from 'node:http';

import { Controller, Get, Optional, Req, Res, UseFilters } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';

import type { AccountRole } from '../accounts/account.js';
import { AnchorSettings, AnchorStore, isLate } from '../audit/ledger/anchor-store.js';
import { LedgerStanding } from '../audit/ledger/ledger-continuity.js';
import { LedgerReader } from '../audit/ledger/ledger-reader.js';
import { readVerifierKey } from '../audit/ledger/signed-note.js';
import type { TokenHttpRequest } from '../endpoints/token-endpoint.js';
import { Clock } from '../oauth/clock.js';
import { NothingHereError } from '../oauth/oauth-error.js';
import { PageErrorFilter } from './page-error.filter.js';
import { PagePaths } from './page-paths.js';
import { PageSender } from './page-sender.js';
import type { LedgerPage } from './page-views.js';
import { Visitors } from './visitors.js';
import { localesOf } from './waiting-requests.js';

/** Who may look: everybody else finds nothing here. */
const READERS: readonly AccountRole[] = ['administrator', 'auditor'];

/** For auditors: how far the ledger is signed, and how old what is kept of it elsewhere is. */
@Controller('console/ledger')
@UseFilters(PageErrorFilter)
@ApiExcludeController()
export class LedgerPageController {
  constructor(
    private readonly visitors: Visitors,
    private readonly sender: PageSender,
    private readonly paths: PagePaths,
    private readonly clock: Clock,
    @Optional() private readonly reader?: LedgerReader,
    @Optional() private readonly anchors?: AnchorStore,
    @Optional() private readonly settings: AnchorSettings = new AnchorSettings(),
    @Optional() private readonly standing: LedgerStanding = new LedgerStanding(),
  ) {}

  @Get()
  async show(@Req() request: TokenHttpRequest, @Res() response: ServerResponse): Promise<void> {
    const visitor = await this.visitors.of(request, response);
    if (visitor.person === null) {
      this.sender.lead(response, this.paths.to('/sign-in', { page: 'ledger' }));
      return;
    }
    if (!visitor.person.account.roles.some((role) => READERS.includes(role)))
      throw new NothingHereError();
    this.sender.send(response, 'ledger', await this.#view(), { locales: localesOf(visitor) });
  }

  async #view(): Promise<LedgerPage> {
    const size = (await this.reader?.size()) ?? 0;
    const signedAt = await this.reader?.signedAt();
    const [key] = (await this.reader?.verifierKeys()) ?? [];
    const states = (await this.anchors?.list()) ?? [];
    const now = this.clock.now();
    return {
      size,
      isBroken: this.standing.broken !== null,
      ...(typeof signedAt === 'number' ? { signedAt } : {}),
      ...(key === undefined ? {} : { keyName: readVerifierKey(key).name }),
      anchors: states.map((state) => ({
        name: state.name,
        size: state.size,
        lag: size - state.size,
        isLate: isLate(state, size, now, this.settings),
        ...(state.anchoredAt === null
          ? {}
          : { age: Math.max(0, Math.floor((now - state.anchoredAt) / 1000)) }),
        ...(state.error === null ? {} : { error: state.error }),
      })),
    };
  }
}
