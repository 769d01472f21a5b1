import { beforeEach, describe, expect, it } from '@jest/globals';

import type { AuditEntry } from '../../src/audit/audit-log.js';
import type { AuditRecord } from '../../src/audit/audit-record.js';
import { TokenTraces } from '../../src/audit/token-trace.js';
import { InMemoryAuditLog, InMemoryAuditReader } from '../../src/testing/index.js';
import { sampleRecord } from '../../src/testing/samples.js';

let log: InMemoryAuditLog;
let traces: TokenTraces;

beforeEach(() => {
  log = new InMemoryAuditLog();
  traces = new TokenTraces(new InMemoryAuditReader(log));
});

function append(record: Partial<AuditRecord>): Promise<AuditEntry> {
  return log.append(sampleRecord(record));
}

/** An exchange of one token for another. */
function hop(from: string, to: string): Promise<AuditEntry> {
  return append({ subjectToken: { hash: from }, issuedToken: { hash: to } });
}

describe('The trace of a token', () => {
  it('is nothing where nothing is known', async () => {
    await append({ issuedToken: { hash: 'a', jti: 'j' } });
    for (const found of [{}, { hash: 'b' }, { jti: 'k' }, { hash: 'j', jti: 'a' }])
      expect(await traces.of(found)).toBeNull();
  });

  it('begins with a token of another issuer', async () => {
    const token = { hash: 'f', jti: 'foreign', issuer: 'https://login.example' };
    const first = await append({ subjectToken: token, issuedToken: { hash: 'a' } });
    const second = await hop('a', 'b');
    const trace = await traces.of({ hash: 'f' });
    expect(trace).toMatchObject({ match: 'hash', token, issued: null, ancestry: [] });
    expect(trace?.descendants).toEqual([
      { ...first, parentId: null },
      { ...second, parentId: first.record.id },
    ]);
    expect((await traces.of({ hash: 'b' }))?.ancestry).toEqual([first]);
  });

  it('takes of several tokens with one jti that of the issuer whom it names', async () => {
    for (const issuer of ['https://a.example', 'https://b.example', 'https://c.example'])
      await append({ subjectToken: { hash: issuer, jti: 'one', issuer } });
    const trace = await traces.of({ hash: 'x', jti: 'one', issuer: 'https://b.example' });
    expect(trace).toMatchObject({ match: 'jti', token: { hash: 'https://b.example' } });
    expect(trace?.descendants).toHaveLength(1);
    expect(await traces.of({ jti: 'one', issuer: 'https://z.example' })).not.toBeNull();
  });

  it('knows a token best by the attempt that told most of it', async () => {
    const token = { hash: 'f', jti: 'j', issuer: 'https://login.example' };
    await append({ subjectToken: token });
    for (let tries = 0; tries < 5; tries += 1)
      await append({ subjectToken: { hash: 'f' }, outcome: 'refused' });
    expect((await traces.of({ hash: 'f' }))?.token).toEqual(token);
  });

  it('is not led astray by an id that another record has', async () => {
    const other = await append({ issuedToken: { hash: 'other' } });
    const real = await append({ issuedToken: { hash: 'a', jti: other.record.id } });
    expect((await traces.of({ hash: 'a' }))?.issued).toEqual(real);
  });

  it('says when there is more than it tells', async () => {
    await append({ issuedToken: { hash: 'hub' } });
    for (let each = 0; each < 200; each += 1) await append({ subjectToken: { hash: 'hub' } });
    expect(await traces.of({ hash: 'hub' })).toMatchObject({ isComplete: true });
    await append({ subjectToken: { hash: 'hub' } });
    const trace = await traces.of({ hash: 'hub' });
    expect(trace?.isComplete).toBe(false);
    expect(trace?.descendants).toHaveLength(200);
    await hop('a', 'b');
    for (let each = 0; each < 51; each += 1) await append({ actorToken: { hash: 'a' } });
    const acting = await traces.of({ hash: 'a' });
    expect([acting?.acts.length, acting?.isComplete]).toEqual([50, false]);
  });

  it('says so too when the last generation fills it', async () => {
    for (let each = 0; each < 200; each += 1) await hop('hub', `token ${each}`);
    expect(await traces.of({ hash: 'hub' })).toMatchObject({ isComplete: false });
  });

  it('ends, though a log should go in a circle', async () => {
    await hop('a', 'b');
    await hop('b', 'a');
    const trace = await traces.of({ hash: 'a' });
    expect([trace?.ancestry.length, trace?.descendants.length]).toEqual([1, 0]);
  });
});
