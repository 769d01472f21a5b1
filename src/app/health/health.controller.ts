import { Controller, Get, Header, HttpCode, Res } from '@nestjs/common';
import {
  ApiOkResponse,
  ApiOperation,
  ApiServiceUnavailableResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { Response } from 'express';

import { Readiness } from './readiness.js';

/** Whether the service lives, and whether it can answer. */
@Controller('health')
@ApiTags('operations')
export class HealthController {
  constructor(private readonly readiness: Readiness) {}

  @Get('live')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({
    summary: 'Is the process alive?',
    description: 'Restart it when this does not answer 200.',
  })
  @ApiOkResponse({ description: 'It is.', schema: { example: { status: 'up' } } })
  live(): { status: 'up' } {
    return { status: 'up' };
  }

  @Get('ready')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({
    summary: 'Can it answer requests?',
    description:
      'Send it none while this answers 503. A ledger that is down signs no checkpoints any more: somebody must look, and tokens are issued none the less.',
  })
  @ApiOkResponse({
    description: 'It can.',
    schema: { example: { status: 'up', checks: { database: 'up', keys: 'up', ledger: 'up' } } },
  })
  @ApiServiceUnavailableResponse({
    description: 'It cannot.',
    schema: { example: { status: 'down', checks: { database: 'down', keys: 'up', ledger: 'up' } } },
  })
  async ready(
    @Res({ passthrough: true }) response: Response,
  ): Promise<{ status: 'up' | 'down'; checks: Record<string, 'up' | 'down'> }> {
    const checks = await this.readiness.check();
    const status = Object.values(checks).every((each) => each === 'up') ? 'up' : 'down';
    response.status(status === 'up' ? 200 : 503);
    return { status, checks: { ...checks, ledger: this.readiness.ledger() } };
  }
}
