import type { ServerResponse } from 'node:http';

import {
  All,
  Controller,
  Get,
  Next,
  Optional,
  Param,
  Query,
  Res,
  UseFilters,
} from '@nestjs/common';
import {
  ApiExcludeEndpoint,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';

import { HASH_LENGTH } from '../audit/ledger/hashing.js';
import { LedgerReader } from '../audit/ledger/ledger-reader.js';
import { readTilePath, TILE_WIDTH, widthOf } from '../audit/ledger/tile.js';
import { TiledTree } from '../audit/ledger/tiled-tree.js';
import {
  InvalidRequestError,
  MethodNotAllowedError,
  NothingHereError,
} from '../oauth/oauth-error.js';
import { OAuthErrorFilter } from './oauth-error.filter.js';
import { sendJson } from './send-json.js';

/** What was given once is the same for ever. */
const IMMUTABLE = 'public, max-age=31536000, immutable';

/**
 * The ledger as an auditor mirrors it (c2sp.org/tlog-tiles): hashes and signatures, which name
 * nobody and may be read by everybody. Whoever keeps no ledger has nothing here.
 */
@Controller('ledger')
@UseFilters(OAuthErrorFilter)
@ApiTags('ledger')
export class LedgerController {
  constructor(@Optional() private readonly reader?: LedgerReader) {}

  @Get('checkpoint')
  @ApiOperation({
    summary: 'The newest checkpoint',
    description: 'A signed note (c2sp.org/tlog-checkpoint).',
  })
  @ApiOkResponse({ content: { 'text/plain': { schema: { type: 'string' } } } })
  async checkpoint(@Res() response: ServerResponse): Promise<void> {
    const note = await this.reader?.checkpoint();
    if (note === undefined || note === null) throw new NothingHereError();
    sendText(response, note, 'public, max-age=1');
  }

  @Get('keys')
  @ApiOperation({
    summary: 'The keys that sign checkpoints',
    description: 'One verifier key a line (c2sp.org/signed-note), the newest first.',
  })
  @ApiOkResponse({ content: { 'text/plain': { schema: { type: 'string' } } } })
  async keys(@Res() response: ServerResponse): Promise<void> {
    const keys = (await this.reader?.verifierKeys()) ?? [];
    if (keys.length === 0) throw new NothingHereError();
    sendText(response, keys.map((key) => `${key}\n`).join(''), 'public, max-age=300');
  }

  @Get('tile/*path')
  @ApiOperation({
    summary: 'A tile of hashes',
    description: 'c2sp.org/tlog-tiles: level, index and width.',
  })
  @ApiParam({ name: 'path', example: '0/000.p/5' })
  @ApiOkResponse({ content: { 'application/octet-stream': {} } })
  async tile(
    @Param('path') path: string | readonly string[],
    @Res() response: ServerResponse,
    @Next() next: () => void,
  ): Promise<void> {
    const words = typeof path === 'string' ? [path] : path;
    // Bundles of entries are not for everybody: another controller has them, where there is one.
    if (words[0] === 'entries') return next();
    const tile = readTilePath(words.join('/'));
    const hashes = tile && (await this.reader?.tile(tile));
    if (!hashes) throw new NothingHereError();
    response
      .writeHead(200, {
        'Content-Type': 'application/octet-stream',
        'Content-Length': hashes.length,
        'Cache-Control': IMMUTABLE,
      })
      .end(hashes);
  }

  @Get('proofs/inclusion')
  @ApiOperation({
    summary: 'Prove that a record is in the log',
    description: 'RFC 6962 section 2.1.1.',
  })
  @ApiQuery({ name: 'record', required: false, description: 'The id of a record; or index.' })
  @ApiQuery({ name: 'index', required: false, description: 'Its place in the log; or record.' })
  @ApiQuery({
    name: 'size',
    required: false,
    description: 'Of the tree; default: the newest checkpoint.',
  })
  @ApiOkResponse({ content: { 'application/json': { schema: { type: 'object' } } } })
  async inclusion(
    @Query() query: Readonly<Record<string, unknown>>,
    @Res() response: ServerResponse,
  ): Promise<void> {
    const tree = await this.#tree();
    const size = numberIn(query, 'size') ?? tree.size;
    const record = textIn(query, 'record');
    const place = numberIn(query, 'index');
    if ((record === undefined) === (place === undefined)) throw malformed();
    const index = record === undefined ? place : await this.reader?.indexOf(record);
    if (index === undefined || index === null || index >= size || size > tree.size)
      throw new NothingHereError();
    const proof = await tree.inclusion(index, size);
    const leafHash = await this.#leafHash(index, tree.size);
    sendJson(response, 200, { index, size, leafHash, proof: proof.map(base64) });
  }

  @Get('proofs/consistency')
  @ApiOperation({ summary: 'Prove that the log only grew', description: 'RFC 6962 section 2.1.2.' })
  @ApiQuery({ name: 'older', description: 'The size of the older tree, at least 1.' })
  @ApiQuery({
    name: 'newer',
    required: false,
    description: 'Of the newer; default: the newest checkpoint.',
  })
  @ApiOkResponse({ content: { 'application/json': { schema: { type: 'object' } } } })
  async consistency(
    @Query() query: Readonly<Record<string, unknown>>,
    @Res() response: ServerResponse,
  ): Promise<void> {
    const tree = await this.#tree();
    const older = numberIn(query, 'older');
    const newer = numberIn(query, 'newer') ?? tree.size;
    if (older === undefined || older < 1 || older > newer) throw malformed();
    if (newer > tree.size) throw new NothingHereError();
    const proof = await tree.consistency(older, newer);
    sendJson(response, 200, { older, newer, proof: proof.map(base64) });
  }

  @All(['checkpoint', 'keys', 'proofs/inclusion', 'proofs/consistency'])
  @ApiExcludeEndpoint()
  otherMethod(): never {
    throw new MethodNotAllowedError('GET, HEAD');
  }

  async #tree(): Promise<TiledTree> {
    const { reader } = this;
    const size = (await reader?.size()) ?? 0;
    if (reader === undefined || size === 0) throw new NothingHereError();
    return new TiledTree(size, async (tile) => {
      const hashes = await reader.tile(tile);
      if (hashes === null) throw new NothingHereError();
      return hashes;
    });
  }

  async #leafHash(index: number, size: number): Promise<string> {
    const tile = { level: 0, index: Math.floor(index / TILE_WIDTH) };
    const hashes = await this.reader?.tile({ ...tile, width: widthOf(tile, size) });
    const start = (index % TILE_WIDTH) * HASH_LENGTH;
    return base64(hashes?.subarray(start, start + HASH_LENGTH) ?? Buffer.alloc(0));
  }
}

function sendText(response: ServerResponse, text: string, cache: string): void {
  response
    .writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': cache })
    .end(text);
}

function base64(hash: Buffer): string {
  return hash.toString('base64');
}

function textIn(query: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = query[name];
  if (value !== undefined && typeof value !== 'string') throw malformed();
  return value;
}

function numberIn(query: Readonly<Record<string, unknown>>, name: string): number | undefined {
  const text = textIn(query, name);
  if (text !== undefined && !/^(?:0|[1-9]\d{0,14})$/.test(text)) throw malformed();
  return text === undefined ? undefined : Number(text);
}

function malformed(): InvalidRequestError {
  return new InvalidRequestError(
    'parameter_malformed',
    'A parameter is malformed or out of range.',
  );
}
