import {
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { from, lastValueFrom, type Observable } from 'rxjs';

import { AdministrationRecords } from './administration-records.js';
import type { AdminRequest } from './administrative-act.js';

/**
 * Records who changed what through the admin API before the answer leaves, refused attempts too:
 * bodies are read and checked inside, so that what they are refused for is seen here.
 */
@Injectable()
export class ChangeRecordInterceptor implements NestInterceptor {
  constructor(private readonly records: AdministrationRecords) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { act } = context.switchToHttp().getRequest<AdminRequest>();
    if (act === undefined) throw new Error('No guard of the admin API has seen this request');
    const work = (): Promise<unknown> => lastValueFrom(next.handle());
    return from(this.records.witness(context, act, work));
  }
}
