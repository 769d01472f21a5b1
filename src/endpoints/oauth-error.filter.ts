import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { ServerResponse } from 'node:http';

import { sendRefusal } from './send-refusal.js';

/** Words every refusal of the protocol's endpoints as RFC 6749 section 5.2 does; never a stack trace. */
@Catch()
export class OAuthErrorFilter implements ExceptionFilter {
  catch(thrown: unknown, host: ArgumentsHost): void {
    sendRefusal(host.switchToHttp().getResponse<ServerResponse>(), thrown);
  }
}
