import { Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation } from '@nestjs/swagger';

import { AuditReader } from '../audit/audit-log.js';
import { viewChain } from '../audit/chain-view.js';
import { TokenTraces, type TokenTrace } from '../audit/token-trace.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { AdminController } from './admin-controller.js';
import { Act, type AdministrativeAct } from './administrative-act.js';
import { AuditQuery } from './audit-query.dto.js';
import { AuditEntryView, AuditRecordPage, ChainDocument, TokenChains } from './audit-view.dto.js';
import { Cursors } from './cursor.js';
import { FoundTokens } from './found-tokens.js';
import { JsonBody } from './json-body.js';
import { namedFields } from './named-fields.js';
import { DEFAULT_LIMIT } from './page.dto.js';
import { ApiProblems } from './problem.dto.js';
import { notFound } from './problem.js';
import { askedFor, recordedRead } from './recorded-read.js';
import { ShowsRecords } from './shows-records.js';
import { TokenStandings } from './token-standings.js';
import { FoundTokenDto, TokenTraceView } from './token-trace.dto.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const JTI = /^[^\p{Cc}\p{Cs}]{1,512}$/u;
const MAX_CHAINS = 20;

/** What happened: every attempt of clients, people and administrators, and the chains that grants make. */
@AdminController('admin/audit', 'audit')
export class AuditController {
  constructor(
    private readonly reader: AuditReader,
    private readonly cursors: Cursors,
    private readonly standings: TokenStandings,
    private readonly found: FoundTokens,
    private readonly traces: TokenTraces,
    private readonly issuer: IssuerSettings,
  ) {}

  @Get('records')
  @ShowsRecords()
  @ApiOperation({
    summary: 'Search the records',
    description:
      'Newest first, granted and refused; every filter that is given must match. A search that has looked at much may stop early, with a short page or an empty one: as long as there is a `next`, there may be more.',
  })
  @ApiOkResponse({ type: AuditRecordPage })
  @ApiProblems(400)
  async search(
    @Query() { limit = DEFAULT_LIMIT, cursor, ...filters }: AuditQuery,
    @Act() act: AdministrativeAct,
  ): Promise<AuditRecordPage> {
    const search = namedFields(filters);
    const list = `audit ${JSON.stringify(search)}`;
    const before = this.cursors.read(list, cursor);
    const { entries, next } = await this.reader.search(search, { before, limit });
    const named = Object.keys(search);
    const asked = named.length === 0 ? {} : { filters: named };
    Object.assign(
      act.facts,
      recordedRead(entries, asked, askedFor(search, entries, this.issuer.issuer)),
    );
    return { items: entries, next: next === null ? null : this.cursors.write(list, next) };
  }

  @Get('records/:id')
  @ShowsRecords()
  @ApiOperation({
    summary: 'Read a record',
    description: 'By its id, which its token begins with.',
  })
  @ApiOkResponse({ type: AuditEntryView })
  @ApiProblems(404)
  async read(@Param('id') id: string, @Act() act: AdministrativeAct): Promise<AuditEntryView> {
    const entry = UUID.test(id) ? await this.reader.find(id) : null;
    if (entry === null) throw notFound('record');
    const { subject } = entry.record;
    Object.assign(act.facts, recordedRead([entry], { recordId: id }, subject ? [subject] : []));
    return entry;
  }

  @Post('trace')
  @HttpCode(200)
  @ShowsRecords()
  @ApiOperation({
    summary: 'Trace a token that was found',
    description:
      'Where a token came from, up to the grant of the first one, and every attempt to use it or what came of it. It is looked up by its hash, or else by its `jti`; nothing about it is verified.',
  })
  @ApiBody({
    type: FoundTokenDto,
    examples: {
      token: { value: { token: 'eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl' } },
      hash: { value: { hash: 'n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg' } },
      jti: { value: { jti: '0199b7a0-5f1c-7cc2-9d57-3f4a2c1e8b11' } },
    },
  })
  @ApiOkResponse({ type: TokenTraceView })
  @ApiProblems(400, 404, 413, 415)
  async trace(
    @JsonBody() found: FoundTokenDto,
    @Act() act: AdministrativeAct,
  ): Promise<TokenTraceView> {
    const trace = await this.traces.of(this.found.read(found));
    if (trace === null) throw notFound('token in the log');
    Object.assign(act.facts, readOfTrace(trace));
    const standing = trace.issued && (await this.standings.of(trace.issued.record));
    return standing ? { ...trace, standing } : trace;
  }

  @Get('chains/by-jti/:jti')
  @ShowsRecords()
  @ApiOperation({
    summary: 'Find the chains of a token',
    description: 'By its jti: the chain it belongs to and those that began with it.',
  })
  @ApiOkResponse({ type: TokenChains })
  async chainsOf(@Param('jti') jti: string, @Act() act: AdministrativeAct): Promise<TokenChains> {
    const entries = JTI.test(jti) ? await this.reader.byJti(jti) : [];
    const ids = new Set(entries.map(({ record }) => record.chainId));
    const known = [...ids].filter((id) => id !== undefined).slice(0, MAX_CHAINS);
    const found = await Promise.all(known.map((chainId) => this.#chain(chainId)));
    const chains = found.filter((chain) => chain !== undefined);
    Object.assign(act.facts, readOf(chains));
    return { jti, chains };
  }

  @Get('chains/:chainId')
  @ShowsRecords()
  @ApiOperation({
    summary: 'Read a delegation chain',
    description: 'Hop by hop, with what each hop took away, refused attempts included.',
  })
  @ApiOkResponse({ type: ChainDocument })
  @ApiProblems(404)
  async chain(
    @Param('chainId') chainId: string,
    @Act() act: AdministrativeAct,
  ): Promise<ChainDocument> {
    const chain = UUID.test(chainId) ? await this.#chain(chainId) : undefined;
    if (chain === undefined) throw notFound('chain');
    Object.assign(act.facts, readOf([chain]));
    return chain;
  }

  async #chain(chainId: string): Promise<ChainDocument | undefined> {
    const chain = viewChain(chainId, await this.reader.chain(chainId));
    if (chain === undefined) return undefined;
    const hops = chain.hops.map(async (hop) => {
      const token = await this.standings.of(hop.record);
      return token === undefined ? hop : { ...hop, token };
    });
    return { ...chain, hops: await Promise.all(hops) };
  }
}

function readOfTrace(trace: TokenTrace): ReturnType<typeof recordedRead> {
  const { issued, ancestry, descendants, acts } = trace;
  const shown = [...(issued ? [issued] : []), ...ancestry, ...descendants, ...acts];
  const chainIds = [...new Set(shown.flatMap(({ record }) => record.chainId ?? []))];
  return recordedRead(
    shown,
    chainIds.length === 0 ? {} : { chainIds },
    shown.flatMap(({ record }) => record.subject ?? []),
  );
}

function readOf(chains: readonly ChainDocument[]): ReturnType<typeof recordedRead> {
  const chainIds = chains.map(({ chainId }) => chainId);
  const whose = chains.flatMap(({ subject }) => subject ?? []);
  return recordedRead(
    chains.flatMap(({ hops }) => hops),
    chainIds.length === 0 ? {} : { chainIds },
    whose,
  );
}
