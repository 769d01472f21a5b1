import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import { uuidv7 } from '../oauth/uuid.js';

import type {
  AuditEntry,
  AuditLog,
  AuditReader,
  AuditSearch,
  TokenRole,
} from '../audit/audit-log.js';
import type { AuditRecord } from '../audit/audit-record.js';
import { assertSame } from './assert-same.js';
import { sampleRecord, unique } from './samples.js';
import { aroundTests, globalFramework, type Opened, type TestFramework } from './test-framework.js';

/** An audit log with the reader that sees it. */
export interface AuditLogUnderTest extends Opened {
  readonly log: AuditLog;
  readonly reader: AuditReader;
}

/** The promises of the ports `AuditLog` and `AuditReader`, as tests of the adapters that `open` gives. */
export function auditLogContract(
  name: string,
  open: () => Promise<AuditLogUnderTest>,
  framework: TestFramework = globalFramework(),
): void {
  const { describe, it } = framework;
  describe(`${name} keeps the promises of AuditLog and AuditReader`, () => {
    const adapter = aroundTests(open, framework);
    const append = (record: Partial<AuditRecord> = {}): Promise<AuditEntry> =>
      adapter().log.append(sampleRecord(record));
    const search = async (search: AuditSearch): Promise<readonly string[]> =>
      idsOf((await adapter().reader.search(search, { limit: 100 })).entries);

    it('refuses a second record with the same id, and keeps the first', async () => {
      const { record } = await append();
      await assert.rejects(append({ id: record.id, requestId: 'another' }));
      assertSame((await adapter().reader.find(record.id))?.record, record);
    });

    it('refuses a cursor that is no sequence number, and a page without entries', async () => {
      for (const before of ['', '-1', '1.5', 'x', '1 or 1=1', '1'.repeat(20), '0x10'])
        await assert.rejects(adapter().reader.search({}, { before, limit: 10 }), RangeError);
      for (const limit of [0, -1, 1.5, Number.NaN])
        await assert.rejects(adapter().reader.search({}, { limit }), RangeError);
    });

    it('finds nothing where there is nothing, whatever is asked for', async () => {
      const { reader } = adapter();
      for (const text of [randomUUID(), 'no-uuid', '', '\0', '\ud800', "'; drop table x --"]) {
        assert.equal(await reader.find(text), null);
        assertSame(await reader.chain(text), []);
        assertSame(await reader.byJti(text), []);
        assertSame(await search({ chainId: text }), []);
        assertSame(await search({ subject: unique(text), actor: text }), []);
      }
    });

    it('keeps a record as it was given, and finds it when the append has resolved', async () => {
      const record = sampleRecord({ reason: 'chain_too_deep', outcome: 'refused', traceId: 'é🏠' });
      const entry = await adapter().log.append(record);
      assertSame(entry.record, record);
      assert.match(entry.sequence, /^\d{1,19}$/);
      assertSame(await adapter().reader.find(record.id), entry);
    });

    it('keeps text that a database could stumble over', async () => {
      const hostile = `a\0b\ud800c'"\\{}\n${unique('')}`;
      const record = sampleRecord({
        client: { clientId: hostile },
        subject: { iss: hostile, sub: hostile },
        actor: { iss: hostile, sub: hostile, clientId: `${hostile},2` },
        requested: { audience: [hostile, 'NULL', ''], resource: [`{${hostile}`] },
        subjectToken: { hash: 'x', jti: hostile.repeat(300) },
        chainId: randomUUID(),
        address: hostile,
      });
      await adapter().log.append(record);
      const { reader } = adapter();
      assertSame((await reader.find(record.id))?.record, record);
      assertSame(await search({ subject: hostile, actor: `${hostile},2` }), [record.id]);
      assertSame(await search({ client: hostile, audience: `{${hostile}` }), [record.id]);
      assertSame(idsOf(await reader.byJti(hostile.repeat(300))), [record.id]);
    });

    it('keeps each of two hundred records that are appended at once', async () => {
      const sub = unique('crowd');
      const subject = { iss: 'https://idp.example', sub };
      const entries = await Promise.all(Array.from({ length: 200 }, () => append({ subject })));
      assert.equal(new Set(entries.map(({ sequence }) => sequence)).size, 200);
      const found = await Promise.all(
        entries.map(({ record }) => adapter().reader.find(record.id)),
      );
      assertSame(found, entries);
    });

    it('gives a record that is appended later a higher sequence', async () => {
      const first = await append();
      const second = await append();
      assert.ok(BigInt(first.sequence) < BigInt(second.sequence));
    });

    it('finds a record by each thing that can be looked for, and by all together', async () => {
      const sub = unique('sub');
      const chainId = randomUUID();
      const record = sampleRecord({
        time: 5000,
        event: 'authorization',
        outcome: 'refused',
        reason: 'actor_not_allowed',
        grantType: 'urn:example',
        client: { clientId: `${sub}-client` },
        subject: { iss: 'https://idp.example', sub },
        actor: { iss: 'https://idp.example', sub: `${sub}-actor`, clientId: `${sub}-actor-client` },
        inboundActors: [{ iss: 'https://idp.example', sub: `${sub}-prior` }],
        actors: [
          { iss: 'https://idp.example', sub: `${sub}-next`, clientId: `${sub}-next-client` },
        ],
        whose: [{ iss: 'https://idp.example', sub: `${sub}-read` }],
        requested: {
          audience: [`${sub}-audience`],
          resource: [`https://${sub}`],
          scope: [`${sub}:read`, `${sub}:write`],
        },
        chainId,
        traceId: `${sub}-trace`,
        basis: { policy: `${sub}-policy`, version: `${sub}-version`, rule: 'any' },
        subjectToken: { hash: `${sub}-h1`, jti: `${sub}-j1` },
        actorToken: { hash: `${sub}-h2`, jti: `${sub}-j2` },
      });
      await adapter().log.append(record);
      const subject = sub;
      const other = { subject, subjectIssuer: 'https://other.example' };
      for (const fits of [
        { subject },
        { subject, subjectIssuer: 'https://idp.example' },
        ...[sub, `${sub}-actor`, `${sub}-prior`, `${sub}-next`, `${sub}-read`].map((person) => ({
          person,
        })),
        { client: `${sub}-client` },
        ...['actor', 'actor-client', 'prior', 'next', 'next-client'].map((role) => ({
          actor: `${sub}-${role}`,
        })),
        { audience: `${sub}-audience` },
        { audience: `https://${sub}` },
        { chainId },
        { scope: `${sub}:write` },
        { policy: `${sub}-policy` },
        { policy: `${sub}-policy`, policyVersion: `${sub}-version` },
        { traceId: `${sub}-trace` },
        { tokenHash: `${sub}-h1` },
        { tokenHash: `${sub}-h2`, jti: `${sub}-j1` },
        { jti: `${sub}-j2` },
        { subject, from: 5000, until: 5001 },
        {
          subject,
          event: 'authorization',
          outcome: 'refused',
          reason: 'actor_not_allowed',
          grantType: 'urn:example',
          chainId,
        },
      ] as const)
        assertSame(await search(fits), [record.id], JSON.stringify(fits));
      for (const misses of [
        other,
        { subject, client: 'other' },
        { subject, actor: sub },
        { person: `${sub}-client` },
        { person: `${sub}-read`, actor: `${sub}-read` },
        { subject, audience: sub },
        { subject, event: 'grant' },
        { subject, outcome: 'granted' },
        { subject, reason: 'chain_too_deep' },
        { subject, grantType: 'urn' },
        { subject, chainId: randomUUID() },
        { chainId, actor: sub },
        { subject, scope: sub },
        { subject, policy: `${sub}-version` },
        { policy: `${sub}-policy`, policyVersion: `${sub}-policy` },
        { subject, traceId: sub },
        { subject, tokenHash: `${sub}-j1` },
        { subject, jti: `${sub}-h1` },
        { subject, from: 5001 },
        { subject, until: 5000 },
      ] as const)
        assertSame(await search(misses), [], JSON.stringify(misses));
    });

    it('knows what was attempted whatever else a record says', async () => {
      const sub = unique('event');
      const hostile = `\0\ud800"event":"grant"\\u0000\\"\n`;
      const { record } = await append({
        act: { event: 'grant', sub: hostile },
        address: hostile,
        // A host may write its fields in any order.
        event: 'administration',
        subject: { iss: hostile, sub },
        operation: { name: '"event":"grant"', target: '\\' },
      });
      assertSame(await search({ subject: sub, event: 'administration' }), [record.id]);
      assertSame(await search({ subject: sub, event: 'grant' }), []);
    });

    it('looks for the granted audience rather than the requested one', async () => {
      const [granted, requested] = [unique('granted'), unique('requested')];
      const { record } = await append({
        issuedToken: { hash: 'x', audience: [granted] },
        requested: { audience: [requested] },
      });
      assertSame(await search({ audience: granted }), [record.id]);
      assertSame(await search({ audience: requested }), []);
    });

    it('finds what was granted as it finds what was asked for, and whatever a token was', async () => {
      const [asked, granted] = [unique('asked'), unique('granted')];
      const [hash, jti] = [unique('hash'), unique('jti')];
      const { record: issuing } = await append({
        requested: { scope: [asked, granted] },
        issuedToken: { hash, jti, scope: [granted] },
      });
      const { record: presenting } = await append({ subjectToken: { hash, jti } });
      const { record: acting } = await append({ actorToken: { hash, jti } });
      assertSame(await search({ scope: asked }), [issuing.id]);
      assertSame(await search({ scope: granted }), [issuing.id]);
      const all = [acting.id, presenting.id, issuing.id];
      for (const fits of [{ tokenHash: hash }, { jti }, { tokenHash: hash, jti }])
        assertSame(await search(fits), all);
    });

    it('finds where one of many tokens played a part, and tells the parts apart', async () => {
      const { reader } = adapter();
      const tokens = Array.from({ length: 300 }, () => ({ hash: unique('hash') }));
      const [first, second] = [tokens[0], tokens[299]];
      assert.ok(first && second);
      const issued = await append({ issuedToken: first });
      const presented = await append({ subjectToken: first, issuedToken: second });
      const refused = await append({ subjectToken: second, outcome: 'refused' });
      const acted = await append({ actorToken: first });
      const hashes = tokens.map(({ hash }) => hash);
      const find = async (role: TokenRole, page: object = {}): Promise<readonly AuditEntry[]> =>
        (await reader.ofTokens(hashes, role, { limit: 10, ...page })).entries;
      assertSame(await find('issued'), [presented, issued]);
      assertSame(await find('subject'), [refused, presented]);
      assertSame(await find('actor'), [acted]);
      assertSame(await find('subject', { after: presented.sequence }), [refused]);
      assertSame(await find('subject', { before: refused.sequence }), [presented]);
      const page = await reader.ofTokens(hashes, 'subject', { limit: 1 });
      assertSame([page.entries, page.next], [[refused], refused.sequence]);
      assertSame((await reader.ofTokens([unique('hash')], 'subject', { limit: 1 })).entries, []);
      assertSame((await reader.ofTokens([], 'subject', { limit: 1 })).entries, []);
      await assert.rejects(reader.ofTokens(hashes, 'subject', { limit: 0 }), RangeError);
      await assert.rejects(reader.ofTokens(hashes, 'actor', { after: 'x', limit: 1 }), RangeError);
    });

    it('pages newest first, complete and without repeats while others append', async () => {
      const sub = unique('paged');
      const subject = { iss: 'https://idp.example', sub };
      const ids: string[] = [];
      for (let count = 0; count < 10; count += 1)
        ids.unshift((await append({ subject })).record.id);
      for (const limit of [1, 3, 5, 10, 11]) {
        const seen: string[] = [];
        let before: string | undefined;
        do {
          const page = await adapter().reader.search(
            { subject: sub, until: 2 ** 45 },
            { before, limit },
          );
          seen.push(...idsOf(page.entries));
          before = page.next ?? undefined;
          await append({ subject, time: 2 ** 45 });
        } while (before !== undefined);
        assertSame(seen, ids);
      }
    });

    it('tells a chain oldest first, refused attempts too', async () => {
      const chainId = randomUUID();
      const [first, second, third] = [
        await append({ chainId }),
        await append({ chainId, outcome: 'refused' }),
        await append({ chainId }),
      ];
      await append({ chainId: randomUUID() });
      assertSame(await adapter().reader.chain(chainId), [first, second, third]);
    });

    it('finds by a jti of ours where the token was issued and where its chain went on', async () => {
      const [id, chainId] = [uuidv7(), randomUUID()];
      const jti = `${id}.${chainId}`;
      const issued = await append({ id, chainId, issuedToken: { hash: 'x', jti } });
      const next = { chainId, parentId: id, subjectToken: { hash: 'x', jti } };
      const presented = await append(next);
      const refused = await append({ ...next, outcome: 'refused' });
      await append({ chainId, parentId: presented.record.id });
      const { reader } = adapter();
      assertSame(await reader.byJti(jti), [issued, presented, refused]);
      assertSame(await reader.byJti(id), []);
      assertSame(await reader.byJti(`${id}.${randomUUID()}`), []);
    });

    it('finds by any jti where the token began a chain', async () => {
      const id = uuidv7();
      const own = await append({ id, issuedToken: { hash: 'x', jti: id } });
      const began = await append({ chainId: randomUUID(), subjectToken: { hash: 'x', jti: id } });
      assertSame(await adapter().reader.byJti(id), [own, began]);
      const foreign = unique('jti');
      const first = await append({
        chainId: randomUUID(),
        subjectToken: { hash: 'x', jti: foreign },
      });
      const again = await append({
        chainId: randomUUID(),
        subjectToken: { hash: 'x', jti: foreign },
      });
      assertSame(await adapter().reader.byJti(foreign), [first, again]);
    });
  });
}

function idsOf(entries: readonly AuditEntry[]): readonly string[] {
  return entries.map(({ record }) => record.id);
}
