import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Global, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';

import { AuditLog, AuditReader } from '../../src/audit/audit-log.js';
import { AuthorizationStore } from '../../src/authorization/authorization-store.js';
import { ConsentStore } from '../../src/authorization/consent-store.js';
import { PushedRequestStore } from '../../src/authorization/pushed-request-store.js';
import { ClientStore } from '../../src/clients/client-store.js';
import { PolicyStore } from '../../src/delegation/policy-store.js';
import { PolicyUseStore } from '../../src/delegation/policy-use-store.js';
import { KeySettings, KeyStore } from '../../src/keys/key-store.js';
import { IssuerSettings } from '../../src/oauth/issuer-settings.js';
import {
  auditLogContract,
  clientStoreContract,
  keyStoreContract,
  recordErasureContract,
  trustedIssuerStoreContract,
} from '../../src/testing/index.js';
import { sampleClient, sampleKey, sampleRecord } from '../../src/testing/samples.js';
import { TrustedIssuerStore } from '../../src/tokens/trusted-issuer-store.js';
import {
  hasPendingMigrations,
  runMigrations,
  tokenExchangeSchema,
  TypeormAuditLog,
  TypeormAuditReader,
  TypeormSubjectKeys,
  TypeormAuditSettings,
  TypeormClientStore,
  TypeormKeyStore,
  TypeormRecordErasure,
  TypeormStoresModule,
  TypeormTrustedIssuerStore,
} from '../../src/typeorm/index.js';
import { KEY_SETTINGS } from '../support/key-settings.js';
import { createTestDataSource, dataSourceOf, type TestDataSource } from '../support/data-source.js';
import { createTestDatabase } from '../support/database.js';

keyStoreContract('TypeormKeyStore', async () => {
  const { dataSource, close } = await createTestDataSource();
  return { store: new TypeormKeyStore(dataSource), close };
});

clientStoreContract('TypeormClientStore', async () => {
  const { dataSource, close } = await createTestDataSource();
  return { store: new TypeormClientStore(dataSource), close };
});

trustedIssuerStoreContract('TypeormTrustedIssuerStore', async () => {
  const { dataSource, close } = await createTestDataSource();
  return { store: new TypeormTrustedIssuerStore(dataSource), close };
});

auditLogContract('TypeormAuditLog', async () => {
  const { dataSource, close } = await createTestDataSource();
  const keys = new TypeormSubjectKeys(dataSource, KEY_SETTINGS);
  const log = new TypeormAuditLog(dataSource, keys);
  const reader = new TypeormAuditReader(dataSource, keys);
  return {
    log,
    reader,
    close: async () => {
      await log.onApplicationShutdown();
      await close();
    },
  };
});

recordErasureContract('TypeormRecordErasure', async () => {
  const { dataSource, close } = await createTestDataSource();
  const keys = new TypeormSubjectKeys(dataSource, KEY_SETTINGS);
  // Another instance erases than the one that writes.
  const erasing = new TypeormSubjectKeys(dataSource, KEY_SETTINGS);
  const issuer = new IssuerSettings({ issuer: 'https://idp.example' });
  const log = new TypeormAuditLog(dataSource, keys, issuer);
  return {
    log,
    reader: new TypeormAuditReader(dataSource, keys),
    erasure: new TypeormRecordErasure(dataSource, erasing),
    close: async () => {
      await log.onApplicationShutdown();
      await close();
    },
  };
});

describe('The tables', () => {
  it('are made once when two instances start at once', async () => {
    const database = await createTestDatabase();
    const instances = await Promise.all(
      [1, 2, 3].map(() => dataSourceOf(database.url, { poolSize: 1 }).initialize()),
    );
    const [first] = instances;
    expect(await hasPendingMigrations(first!)).toBe(true);
    await Promise.all(instances.map(runMigrations));
    for (const instance of instances) {
      expect(await hasPendingMigrations(instance)).toBe(false);
      expect(await instance.query('show statement_timeout')).toEqual([{ statement_timeout: '0' }]);
      await instance.destroy();
    }
    await database.drop();
  });

  it('agree with the entities', async () => {
    const { dataSource, close } = await createTestDataSource();
    const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
    await close();
  });

  it('all begin with our prefix and go when the migrations are undone', async () => {
    const { dataSource, close } = await createTestDataSource();
    const tables = async (): Promise<string[]> => {
      const rows = await dataSource.query<{ name: string }[]>(
        `select table_name as name from information_schema.tables where table_schema = 'public'`,
      );
      return rows.map(({ name }) => name);
    };
    expect(await tables()).toHaveLength(30);
    expect((await tables()).filter((name) => !name.startsWith('nte_'))).toEqual([]);
    for (const _ of tokenExchangeSchema.migrations) await dataSource.undoLastMigration();
    expect(await tables()).toEqual(['nte_migration']);
    await close();
  });
});

describe('The stores in PostgreSQL', () => {
  let database: TestDataSource;
  let other: DataSource;
  beforeAll(async () => {
    database = await createTestDataSource();
    other = await dataSourceOf(database.url).initialize();
  });
  afterAll(async () => {
    await other.destroy();
    await database.close();
  });

  it('agree on one first key when several instances start at once', async () => {
    const stores = [database.dataSource, other].map((each) => new TypeormKeyStore(each));
    const rivals = Array.from({ length: 20 }, (_, index) =>
      stores[index % 2]!.addUnlessNews(sampleKey(), []),
    );
    expect((await Promise.all(rivals)).filter(Boolean)).toHaveLength(1);
    expect(await stores[0]!.list()).toEqual(await stores[1]!.list());
  });

  it('show a write to the other instance at once', async () => {
    const client = sampleClient();
    await new TypeormClientStore(database.dataSource).create(client);
    expect(await new TypeormClientStore(other).find(client.clientId)).toEqual(client);
  });

  it('read a client with one statement', async () => {
    const client = sampleClient();
    const store = new TypeormClientStore(database.dataSource);
    await store.create(client);
    const statements: string[] = [];
    const counted = await dataSourceOf(database.url, {
      logging: ['query'],
      logger: {
        logQuery: (statement: string) => void statements.push(statement),
        logQueryError() {},
        logQuerySlow() {},
        logSchemaBuild() {},
        logMigration() {},
        log() {},
      },
    }).initialize();
    statements.length = 0;
    await new TypeormClientStore(counted).find(client.clientId);
    expect(statements).toHaveLength(1);
    await new TypeormClientStore(counted).findByIdentifier(client.identifiers[0]!);
    expect(statements).toHaveLength(2);
    await counted.destroy();
  });

  it('give a setting that is newer than the row its careful default', async () => {
    const client = sampleClient();
    const store = new TypeormClientStore(database.dataSource);
    await store.create(client);
    await database.dataSource.query(
      `update nte_client set exchange = exchange - 'allowLoops' where client_id = $1`,
      [client.clientId],
    );
    expect((await store.find(client.clientId))?.exchange.allowLoops).toBe(false);
  });
});

/** As `TokenExchangeModule` shares them. */
@Global()
@Module({ providers: [{ provide: KeySettings, useValue: KEY_SETTINGS }], exports: [KeySettings] })
class SettingsModule {}

describe('TypeormStoresModule', () => {
  const ports = [
    KeyStore,
    ClientStore,
    TrustedIssuerStore,
    AuthorizationStore,
    ConsentStore,
    PushedRequestStore,
    PolicyStore,
    PolicyUseStore,
    AuditLog,
    AuditReader,
  ];
  let database: TestDataSource;
  beforeAll(async () => {
    database = await createTestDataSource();
  });
  afterAll(() => database.close());

  it('provides every port with the data source of TypeOrmModule.forRoot', async () => {
    const { url } = database;
    const app = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({ type: 'postgres', url, ...tokenExchangeSchema }),
        SettingsModule,
        TypeormStoresModule,
      ],
    }).compile();
    for (const port of ports) expect(app.get(port, { strict: false })).toBeInstanceOf(port);
    const record = sampleRecord();
    const appended = app.get<AuditLog>(AuditLog, { strict: false }).append(record);
    const closed = app.close();
    expect((await appended).record).toEqual(record);
    await closed;
  });

  it('writes no record without the key encryption key', async () => {
    const { url } = database;
    const app = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({ type: 'postgres', url, ...tokenExchangeSchema }),
        TypeormStoresModule,
      ],
    }).compile();
    const log = app.get<AuditLog>(AuditLog, { strict: false });
    await expect(log.append(sampleRecord())).rejects.toThrow('provide KeySettings');
    await app.close();
  });

  it('takes a named data source, or one that a module exports, and settings', async () => {
    const { url, dataSource } = database;
    @Module({ providers: [{ provide: DataSource, useValue: dataSource }], exports: [DataSource] })
    class DatabaseModule {}
    const audit = new TypeormAuditSettings({ queue: 0 });
    for (const [options, host] of [
      [{ imports: [DatabaseModule], audit }, []],
      [
        { dataSourceName: 'idp', audit },
        [TypeOrmModule.forRoot({ name: 'idp', type: 'postgres', url, ...tokenExchangeSchema })],
      ],
    ] as const) {
      const app = await Test.createTestingModule({
        imports: [...host, SettingsModule, TypeormStoresModule.register(options)],
      }).compile();
      expect(await app.get<KeyStore>(KeyStore, { strict: false }).list()).toEqual([]);
      const log = app.get<AuditLog>(AuditLog, { strict: false });
      await expect(log.append(sampleRecord())).rejects.toThrow('Too many records wait');
      await app.close();
    }
  });
});
