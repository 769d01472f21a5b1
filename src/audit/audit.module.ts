import { Module } from '@nestjs/common';

import { AuditTrail } from './audit-trail.js';

/** What happened, kept. Needs the ports `AuditLog` and `Clock`. */
@Module({ providers: [AuditTrail], exports: [AuditTrail] })
export class AuditModule {}
