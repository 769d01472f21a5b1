import { Module, type DynamicModule } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { TokenExchangeModule } from '../token-exchange.module.js';
import type { TokenExchangeOptions } from '../token-exchange.options.js';
import { TypeormAuditSettings } from '../typeorm/typeorm-audit-settings.js';
import { TypeormStoresModule } from '../typeorm/typeorm-stores.module.js';
import { AnchorsModule, type AnchorsOptions } from '../anchors/anchors.module.js';
import { AdminModule } from '../admin/admin.module.js';
import type { PageSettings } from '../pages/page-settings.js';
import { PagesModule } from '../pages/pages.module.js';
import { ExpiredRemoval } from './expired-removal.js';
import { HealthController } from './health/health.controller.js';
import { RecordRetirement, RetentionSettings } from './record-retirement.js';
import { Readiness } from './health/readiness.js';

/** The database of the service, for every room that keeps something. */
@Module({})
class DatabaseModule {
  static with(dataSource: DataSource): DynamicModule {
    return {
      module: DatabaseModule,
      global: true,
      providers: [{ provide: DataSource, useValue: dataSource }],
      exports: [DataSource],
    };
  }
}

/** The corporate identity provider as one Nest application. */
@Module({})
export class AppModule {
  static with(
    options: TokenExchangeOptions,
    pages: PageSettings,
    dataSource: DataSource,
    anchors: AnchorsOptions,
    retention: RetentionSettings,
    audit: TypeormAuditSettings,
  ): DynamicModule {
    return {
      module: AppModule,
      imports: [
        DatabaseModule.with(dataSource),
        TokenExchangeModule.forRoot({
          ...options,
          adapters: [TypeormStoresModule.register({ audit })],
        }),
        AnchorsModule.with(anchors),
        PagesModule.with(pages),
        AdminModule,
      ],
      controllers: [HealthController],
      providers: [
        ExpiredRemoval,
        Readiness,
        RecordRetirement,
        { provide: RetentionSettings, useValue: retention },
      ],
    };
  }
}
