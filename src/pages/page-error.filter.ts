import type { ServerResponse } from 'node:http';

import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';

import { refusalOf, wordsOfCause } from '../endpoints/send-refusal.js';
import type { TokenHttpRequest } from '../endpoints/token-endpoint.js';
import type { OAuthError } from '../oauth/oauth-error.js';
import { PageSender } from './page-sender.js';
import type { ErrorTitle } from './page-views.js';

/** Shows every refusal that an application cannot be told as a page; never a stack trace. */
@Catch()
export class PageErrorFilter implements ExceptionFilter {
  readonly #logger = new Logger(PageErrorFilter.name);

  constructor(private readonly sender: PageSender) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const response = http.getResponse<ServerResponse>();
    const request = http.getRequest<TokenHttpRequest>();
    const refusal = refusalOf(thrown);
    if (refusal.status >= 500)
      this.#logger.error({ reason: refusal.reason, cause: wordsOfCause(refusal) });
    if (response.headersSent) return;
    const { error, description, status, headers } = refusal;
    const view = {
      title: titleOf(refusal),
      error,
      description,
      status,
      ...(typeof request.id === 'string' ? { requestId: request.id } : {}),
    };
    const [language = ''] = (request.headers['accept-language'] ?? '').split(/[,;]/);
    this.sender.send(response, 'error', view, { status, headers, locales: [language.trim()] });
  }
}

function titleOf({ reason, status }: OAuthError): ErrorTitle {
  if (reason === 'client_unknown' || reason === 'client_disabled') return 'unknown-application';
  if (reason === 'form_stale' || reason === 'pushed_request_unknown') return 'expired';
  if (status === 404) return 'not-found';
  if (status === 429) return 'too-many-requests';
  if (status >= 500) return 'unavailable';
  return 'invalid-request';
}
