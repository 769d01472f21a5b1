import { Readable } from 'node:stream';

import { Get, Optional, Query, StreamableFile } from '@nestjs/common';
import { ApiOkResponse, ApiOperation } from '@nestjs/swagger';

import { AuditReader } from '../audit/audit-log.js';
import { recordWriter } from '../audit/export/export-format.js';
import { exportSearch } from '../audit/export/record-export.js';
import { RecordProver } from '../audit/export/record-prover.js';
import { LedgerReader } from '../audit/ledger/ledger-reader.js';
import { IssuerSettings } from '../oauth/issuer-settings.js';
import { AdminController } from './admin-controller.js';
import { Act, type AdministrativeAct } from './administrative-act.js';
import { AuditExportQuery } from './audit-export.dto.js';
import { namedFields } from './named-fields.js';
import { ApiProblems } from './problem.dto.js';
import { notFound } from './problem.js';
import { readOfSearch } from './recorded-read.js';
import { ShowsRecords } from './shows-records.js';

/** Records on their way to other systems, each with its proof. */
@AdminController('admin/audit/export', 'audit')
export class AuditExportController {
  constructor(
    private readonly reader: AuditReader,
    private readonly settings: IssuerSettings,
    @Optional() private readonly ledger?: LedgerReader,
  ) {}

  @Get()
  @ShowsRecords()
  @ApiOperation({
    summary: 'Export records',
    description:
      'What a search finds, newest first, as far as the newest checkpoint covers it; each record with its proof. The forms are told in docs/streams.md.',
  })
  @ApiOkResponse({
    description: 'A file that is written while it is read.',
    content: {
      'application/x-ndjson': { schema: { type: 'string' } },
      'text/csv': { schema: { type: 'string' } },
    },
  })
  @ApiProblems(400, 404)
  async export(
    @Query() { format, ...filters }: AuditExportQuery,
    @Act() act: AdministrativeAct,
  ): Promise<StreamableFile> {
    const prover = this.ledger && (await RecordProver.newest(this.ledger));
    if (prover === undefined) throw notFound('checkpoint');
    const writer = recordWriter(format, this.settings.issuer);
    const search = namedFields(filters);
    Object.assign(act.facts, await readOfSearch(search, this.reader, this.settings.issuer));
    const texts = exportSearch(this.reader, prover, search, writer);
    return new StreamableFile(Readable.from(texts), {
      type: writer.mediaType,
      disposition: `attachment; filename="audit-${prover.size}.${writer.extension}"`,
    });
  }
}
