import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { AdminApp } from '../support/admin-app.js';
import { MemoryLedger } from '../support/memory-ledger.js';

let admin: AdminApp;
let ledger: MemoryLedger;

beforeAll(async () => {
  ledger = new MemoryLedger();
  ledger.fill(3);
  admin = await AdminApp.start(ledger);
});

afterAll(() => admin.stop());

describe('leaves of records', () => {
  test.each(['/admin/ledger/leaves/0', '/ledger/tile/entries/000.p/3'])(
    'that are there are read, and those that were retired are gone, with a record: %s',
    async (path) => {
      expect((await admin.get(path)).status).toBe(200);
      const retired = jest.spyOn(ledger, 'leaves').mockResolvedValue('retired' as never);

      const answer = await admin.get(path);

      retired.mockRestore();
      expect([answer.status, answer.headers.get('content-type')]).toEqual([
        410,
        'application/problem+json',
      ]);
      expect(answer.body).toEqual({
        type: 'about:blank',
        title: 'Gone',
        status: 410,
        detail: 'These records were retired; their hashes and every proof are still there.',
      });
      expect(admin.log.entries.at(-1)?.record).toMatchObject({
        event: 'audit_read',
        outcome: 'refused',
        reason: 'administration_refused',
        error: 'gone',
      });
      expect(admin.log.entries.at(-1)?.record.read).toBeUndefined();
      expect((await admin.get('/ledger/tile/0/000.p/3', { token: null })).status).toBe(200);
    },
  );
});
