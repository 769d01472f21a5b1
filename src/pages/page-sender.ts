import type { ServerResponse } from 'node:http';

import { Injectable } from '@nestjs/common';

import { PageRenderer } from './page-renderer.js';
import type { PageName, PageViews } from './page-views.js';

/** How a page is sent. */
export interface PageSending {
  /** 200 unless said otherwise. */
  readonly status?: number | undefined;
  /** Language tags, best first. */
  readonly locales: readonly string[];
  /** An address that a form of the page may lead on to. */
  readonly leadsTo?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** Sends pages and leads browsers on: nothing of it is kept by a cache, framed, or run. */
@Injectable()
export class PageSender {
  constructor(private readonly renderer: PageRenderer) {}

  /** Sends a page. Throws what the renderer throws, and then nothing was sent. */
  send<P extends PageName>(
    response: ServerResponse,
    page: P,
    view: PageViews[P],
    { status = 200, locales, leadsTo, headers = {} }: PageSending,
  ): void {
    const { html, language } = this.renderer.render(page, view, { locales });
    response.writeHead(status, {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Length': Buffer.byteLength(html),
      'Content-Language': language,
      'Content-Security-Policy': policy(leadsTo),
      ...NOT_KEPT,
      ...headers,
    });
    response.end(html);
  }

  /** Leads the browser on with GET, whatever it came with: never with what was posted (RFC 9700 section 4.12). */
  lead(response: ServerResponse, location: string): void {
    response.writeHead(303, { Location: location, 'Content-Length': 0, ...NOT_KEPT });
    response.end();
  }
}

const NOT_KEPT = {
  'Cache-Control': 'no-store',
  Pragma: 'no-cache',
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'DENY',
  'X-Content-Type-Options': 'nosniff',
  // Applications may open their sign-in in a window of its own and want to hear how it went.
  'Cross-Origin-Opener-Policy': 'unsafe-none',
} as const;

/** Browsers check where a form leads through redirects, too: so an application that is returned to is named. */
function policy(leadsTo: string | undefined): string {
  const formAction = ["'self'", ...(leadsTo === undefined ? [] : [sourceOf(leadsTo)])];
  return [
    "default-src 'none'",
    "style-src 'self'",
    "img-src 'self'",
    `form-action ${formAction.join(' ')}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/**
 * A registered redirect URI as a CSP source: its origin; or its scheme when it has none, or when its
 * host is an IPv6 address, which a source cannot be (CSP Level 3 section 2.3.1): browsers ignore it.
 */
function sourceOf(uri: string): string {
  const { origin, protocol, hostname } = new URL(uri);
  return origin === 'null' || hostname.startsWith('[') ? protocol : origin;
}
