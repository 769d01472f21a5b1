import { Get, Optional, Param, StreamableFile } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam } from '@nestjs/swagger';

import { LedgerReader } from '../audit/ledger/ledger-reader.js';
import { readBundlePath } from '../audit/ledger/tile.js';
import { AdminController } from './admin-controller.js';
import { Act, type AdministrativeAct } from './administrative-act.js';
import { ApiProblems } from './problem.dto.js';
import { notFound, retired } from './problem.js';
import { readOfLeaves } from './recorded-read.js';
import { ShowsRecords } from './shows-records.js';

/** The leaves of the ledger as tlog-tiles has them: not for everybody, though they name no person. */
@AdminController('ledger/tile/entries', 'ledger')
export class LedgerEntriesController {
  constructor(@Optional() private readonly reader?: LedgerReader) {}

  @Get('*path')
  @ShowsRecords()
  @ApiOperation({
    summary: 'Read a bundle of leaves',
    description: 'Each one behind its length in 16 bits (c2sp.org/tlog-tiles).',
  })
  @ApiParam({ name: 'path', example: '000.p/5' })
  @ApiOkResponse({ content: { 'application/octet-stream': {} } })
  @ApiProblems(404, 410)
  async bundle(
    @Param('path') path: string | readonly string[],
    @Act() act: AdministrativeAct,
  ): Promise<StreamableFile> {
    const bundle = readBundlePath(typeof path === 'string' ? path : path.join('/'));
    const leaves = bundle && (await this.reader?.leaves(bundle));
    if (leaves === 'retired') throw retired();
    if (!leaves) throw notFound('bundle');
    Object.assign(act.facts, readOfLeaves(leaves));
    const entries = leaves.flatMap(({ text }) => {
      const leaf = Buffer.from(text);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(leaf.length);
      return [length, leaf];
    });
    return new StreamableFile(Buffer.concat(entries), { type: 'application/octet-stream' });
  }
}
