import {
  Injectable,
  Logger,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { tap, type Observable } from 'rxjs';

import type { AdminRequest } from './admin.guard.js';

const READS: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD']);

/** Says in the service's log who changed what through the admin API; never what was sent. */
@Injectable()
export class ChangeLogInterceptor implements NestInterceptor {
  readonly #logger = new Logger('Admin');

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { method, url, administrator } = context.switchToHttp().getRequest<AdminRequest>();
    if (READS.has(method)) return next.handle();
    return next.handle().pipe(
      tap(() =>
        this.#logger.log({
          event: 'admin_change',
          method,
          path: url?.split('?')[0],
          clientId: administrator?.clientId,
          jti: administrator?.jti,
        }),
      ),
    );
  }
}
