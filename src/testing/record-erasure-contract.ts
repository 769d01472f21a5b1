import assert from 'node:assert/strict';

import type { AuditLog, AuditReader } from '../audit/audit-log.js';
import type { AuditRecord } from '../audit/audit-record.js';
import type { RecordedPerson, RecordErasure } from '../audit/erasure.js';
import { ERASED } from '../audit/ledger/personal-fields.js';
import { assertSame } from './assert-same.js';
import { sampleRecord, unique } from './samples.js';
import { aroundTests, globalFramework, type Opened, type TestFramework } from './test-framework.js';

/** An audit log with what reads it and what erases people from it. */
export interface RecordErasureUnderTest extends Opened {
  readonly log: AuditLog;
  readonly reader: AuditReader;
  readonly erasure: RecordErasure;
}

const SERVICE = { iss: 'https://idp.example', sub: 'my_gateway', clientId: 'my_gateway' };

/** The promises of the port `RecordErasure`, as tests of the adapters that `open` gives. */
export function recordErasureContract(
  name: string,
  open: () => Promise<RecordErasureUnderTest>,
  framework: TestFramework = globalFramework(),
): void {
  const { describe, it } = framework;
  describe(`${name} keeps the promises of RecordErasure`, () => {
    const adapter = aroundTests(open, framework);
    const append = async (record: Partial<AuditRecord>): Promise<AuditRecord> =>
      (await adapter().log.append(sampleRecord(record))).record;
    const read = async ({ id }: AuditRecord): Promise<AuditRecord> => {
      const entry = await adapter().reader.find(id);
      assert.ok(entry);
      return entry.record;
    };
    const found = async (search: object): Promise<readonly string[]> =>
      (await adapter().reader.search(search, { limit: 100 })).entries.map(
        ({ record }) => record.id,
      );

    it('finds nothing to erase of whom no record names', async () => {
      const { erasure } = adapter();
      const nobody = person('nobody');
      assert.equal(await erasure.keyOf(nobody), null);
      assertSame(await erasure.extentOf(nobody), {
        keyId: null,
        records: 0,
        unsealed: 0,
        isComplete: true,
      });
      assert.equal(await erasure.erase(nobody), null);
      assert.equal(await erasure.erase({ iss: '\0\ud800', sub: "'; drop table x --" }), null);
    });

    it('tells in how many records a person is named, in whatever place, and changes nothing', async () => {
      const { erasure } = adapter();
      const alice = person('alice');
      const records = [
        await append({ subject: alice }),
        await append({ actors: [SERVICE, alice] }),
        await append({ operation: { name: 'x', target: 'y' }, subject: person('other') }),
      ];
      const extent = await erasure.extentOf(alice);
      assert.equal(extent.records, 2);
      assert.equal(extent.isComplete, true);
      assert.equal(extent.keyId, await erasure.keyOf(alice));
      assert.match(extent.keyId ?? '', /^[0-9a-f-]{36}$/);
      for (const record of records) assertSame(await read(record), record);
    });

    it('makes a person unreadable in every place, and leaves all others as they were', async () => {
      const [alice, bob] = [person('alice'), person('bob')];
      const ofBoth = await append({
        subject: bob,
        actor: alice,
        actors: [alice, SERVICE],
        inboundActors: [SERVICE, alice],
        act: { ...alice, act: { ...wire(SERVICE), act: { ...bob, act: { ...alice, sub: 'x' } } } },
        subjectToken: { hash: 'x', mayAct: alice },
        revocation: { kind: 'subject', names: { ...alice } },
        address: '192.0.2.1',
        whose: [alice, bob],
      });
      const ofBob = await append({ subject: bob });
      const keyId = await adapter().erasure.erase(alice);
      const erased = { iss: ERASED, sub: keyId };
      const kept = await read(ofBoth);
      assert.ok(!JSON.stringify(kept).includes(alice.sub));
      assertSame(kept.subject, bob);
      assertSame(kept.actor, erased);
      assertSame(kept.actors, [erased, SERVICE]);
      assertSame(kept.inboundActors, [SERVICE, erased]);
      assertSame(kept.subjectToken, { hash: 'x', mayAct: erased });
      assertSame(kept.whose, [erased, bob]);
      assertSame(kept.act, {
        ...erased,
        act: { ...wire(SERVICE), act: { ...bob, act: { ...alice, sub: 'x' } } },
      });
      assertSame(kept.revocation, { kind: 'subject' });
      assertSame(kept.address, '192.0.2.1');
      assertSame(await read(ofBob), ofBob);
      assertSame(await found({ subject: bob.sub }), [ofBob.id, ofBoth.id]);
      assertSame(await found({ actor: alice.sub }), []);
    });

    it('erases once, and knows whoever acts again as somebody new', async () => {
      const { erasure } = adapter();
      const alice = person('again');
      const before = await append({ subject: alice });
      const first = await erasure.erase(alice);
      assert.equal(await erasure.erase(alice), null);
      assert.equal(await erasure.keyOf(alice), null);
      const after = await append({ subject: alice });
      assertSame(await read(after), after);
      assertSame(await found({ subject: alice.sub }), [after.id]);
      assertSame((await read(before)).subject, { iss: ERASED, sub: first });
      const second = await erasure.erase(alice);
      assert.ok(second !== null && second !== first);
      assertSame(await found({ subject: alice.sub }), []);
    });

    it('tells the same name of two issuers apart', async () => {
      const alice = person('same');
      const other = { ...alice, iss: 'https://other.example' };
      const [own, foreign] = [await append({ subject: alice }), await append({ subject: other })];
      await adapter().erasure.erase(alice);
      assertSame(await read(foreign), foreign);
      assert.notEqual((await read(own)).subject?.iss, alice.iss);
    });
  });
}

function person(name: string): RecordedPerson {
  return { iss: 'https://idp.example', sub: unique(name) };
}

/** A party as an `act` claim names it. */
function wire({ iss, sub, clientId }: typeof SERVICE): Readonly<Record<string, string>> {
  return { iss, sub, client_id: clientId };
}
