import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import type { AuditRecord, RecordedParty, RecordedToken } from '../../src/audit/audit-record.js';
import { ERASED, putTogether, takeApart } from '../../src/audit/ledger/personal-fields.js';
import type { Json, JsonObject } from '../../src/oauth/claims.js';
import { sampleRecord } from '../../src/testing/samples.js';

const ISSUER = 'https://idp.example';
const PARTNER = 'https://partner.example';
/** What names somebody in these tests, and nothing else does. */
const NAME = /p-[0-9a-f-]{36}/g;

const name = fc.uuid().map((id) => `p-${id}`);
const client: fc.Arbitrary<RecordedParty> = fc
  .constantFrom('gateway', 'web')
  .map((id) => ({ iss: ISSUER, sub: id, clientId: id }));
const person: fc.Arbitrary<RecordedParty> = fc.oneof(
  fc.record({ iss: fc.constantFrom(ISSUER, PARTNER), sub: name }),
  fc.record({ iss: fc.constant(ISSUER), sub: name, clientId: fc.constantFrom('web') }),
  name.map((id) => ({ iss: PARTNER, sub: id, clientId: id })),
);
const party = fc.oneof(client, person);
const act: fc.Arbitrary<JsonObject> = fc.letrec<{ act: JsonObject }>((tie) => ({
  act: fc.oneof(
    { depthSize: 'small' },
    fc.record(
      {
        iss: fc.constant(ISSUER),
        sub: fc.constant('gateway'),
        client_id: fc.constant('gateway'),
        act: tie('act'),
        email: name,
      },
      { requiredKeys: ['iss', 'sub', 'client_id'] },
    ),
    fc.record({ iss: fc.constant(ISSUER), sub: name, act: tie('act') }, { requiredKeys: ['sub'] }),
  ),
})).act;
const token: fc.Arbitrary<RecordedToken> = fc.record(
  {
    hash: fc.base64String({ maxLength: 8 }),
    jti: fc.constant('j'),
    audience: fc.array(fc.constantFrom('a', 'b'), { maxLength: 2 }),
    expiresAt: fc.nat(),
    mayAct: fc.option(party),
    /** Something that nobody knows yet. */
    nickname: name,
  },
  { requiredKeys: ['hash'] },
);
const operation = fc.oneof(
  fc.record(
    {
      name: fc.constantFrom('PATCH /admin/accounts/:accountId', 'session-ended'),
      target: fc.oneof(
        name,
        fc.tuple(name, name).map((each) => each.join('/')),
      ),
      fields: fc.array(fc.constantFrom('email', 'roles'), { maxLength: 2 }),
    },
    { requiredKeys: ['name'] },
  ),
  fc.record({ name: fc.constant('PATCH /admin/clients/:clientId'), target: fc.constant('web') }),
);
const unknown: fc.Arbitrary<Json> = fc.oneof(
  name,
  fc.nat(),
  fc.array(name, { maxLength: 2 }),
  fc.dictionary(fc.constantFrom('a', 'sealed', 'b'), fc.oneof(name, fc.nat())),
);
const record = fc
  .record(
    {
      subject: party,
      actor: party,
      actors: fc.array(party, { maxLength: 4 }),
      inboundActors: fc.array(party, { maxLength: 4 }),
      act,
      subjectToken: token,
      actorToken: token,
      issuedToken: token,
      address: name,
      sid: name,
      client: fc.constant({ clientId: 'web', method: 'client_secret_basic' }),
      requested: fc.record(
        { scope: fc.constant(['read']), purpose: name, audience: fc.constant(['b']) },
        { requiredKeys: [] },
      ),
      reauthorized: fc.dictionary(fc.constantFrom('groups', 'roles'), fc.array(name)),
      operation,
      revocation: fc.record({ kind: fc.constant('subject'), names: fc.record({ sub: name }) }),
      later: unknown,
      latest: unknown,
    },
    { requiredKeys: [] },
  )
  .map((fields) => sampleRecord(fields as Partial<AuditRecord>));

const namesIn = (value: unknown): readonly string[] => JSON.stringify(value).match(NAME) ?? [];

/** As many random records as shall be. */
function always(check: (record: AuditRecord) => void): void {
  fc.assert(fc.property(record, check), { numRuns: 1_000 });
}

describe('A record that is taken apart', () => {
  it('names nobody in what stays readable for ever', () => {
    always((each) => {
      expect(namesIn(takeApart(each, ISSUER).clear)).toEqual([]);
    });
  });

  it('names not even a client where nobody knows who this server is', () => {
    always((each) => {
      const { clear } = takeApart(each, undefined);
      expect(namesIn(clear)).toEqual([]);
      for (const name of ['subject', 'actor'])
        if (clear[name] !== undefined) expect(clear[name]).toEqual({ sealed: expect.any(Number) });
    });
  });

  it('is put together again as it was', () => {
    always((each) => {
      for (const issuer of [ISSUER, undefined]) {
        const { clear, parts } = takeApart(each, issuer);
        const fields = parts.map((part) => part.fields);
        const keys = parts.map((_, at) => `key-${at}`);
        const stored = JSON.parse(JSON.stringify({ clear, fields })) as {
          clear: JsonObject;
          fields: typeof fields;
        };
        expect(putTogether(stored.clear, stored.fields, keys)).toEqual(each);
      }
    });
  });

  it('has one part for each person, and says nothing of one whose part is gone', () => {
    always((each) => {
      const { clear, parts } = takeApart(each, ISSUER);
      const owners = parts.map(({ owner }) => JSON.stringify(owner));
      expect(new Set(owners).size).toBe(owners.length);
      const keys = parts.map((_, at) => `key-${at}`);
      parts.forEach((gone, at) => {
        const others = parts.flatMap(({ fields }, place) => (place === at ? [] : namesIn(fields)));
        const left = putTogether(
          clear,
          parts.map(({ fields }, place) => (place === at ? undefined : fields)),
          keys,
        );
        const kept = namesIn(left);
        expect(kept.toSorted()).toEqual(others.toSorted());
        const isSubject = each.subject && gone.owner?.sub === each.subject.sub;
        if (isSubject && gone.owner?.iss === each.subject?.iss)
          expect(left.subject).toEqual({ iss: ERASED, sub: `key-${at}` });
      });
    });
  });
});
