import { ApiProperty, OmitType } from '@nestjs/swagger';
import { IsIn } from 'class-validator';

import { EXPORT_FORMATS, type ExportFormat } from '../audit/export/export-format.js';
import { AuditQuery } from './audit-query.dto.js';

/** Which records are exported, and in which form. */
export class AuditExportQuery extends OmitType(AuditQuery, ['limit', 'cursor'] as const) {
  @ApiProperty({ enum: EXPORT_FORMATS })
  @IsIn(EXPORT_FORMATS, { message: `must be one of ${EXPORT_FORMATS.join(', ')}` })
  readonly format!: ExportFormat;
}
