import { beforeAll, describe, expect, it } from '@jest/globals';

import { AUDIT_EVENTS, type AuditRecord } from '../../src/audit/audit-record.js';
import { cloudEventOf } from '../../src/audit/export/cloud-event.js';
import { CSV_HEADER, csvRowOf } from '../../src/audit/export/csv-row.js';
import { recordWriter } from '../../src/audit/export/export-format.js';
import { ocsfEventOf } from '../../src/audit/export/ocsf-event.js';
import type { ProvenRecord } from '../../src/audit/export/proven-record.js';
import { RecordProver } from '../../src/audit/export/record-prover.js';
import { checkpointLine } from '../../src/audit/ledger/ledger-export.js';
import { LedgerVerifier } from '../../src/audit/verifier/ledger-verifier.js';
import { readCheckpointKey } from '../../src/audit/verifier/signed-checkpoint.js';
import { GrantType } from '../../src/oauth/grant-type.js';
import { MemoryLedger, recordOfClient } from '../support/memory-ledger.js';
import { ocsfProblems } from '../support/ocsf-schema.js';

const ISSUER = 'https://idp.example';
const TIME = Date.UTC(2026, 0, 31, 8, 0, 0, 123);
const CHAIN = '0199b7a0-5f1c-7cc2-9d57-3f4a2c1e8b11';
const gateway = { iss: ISSUER, sub: 'my_gateway', clientId: 'my_gateway' };

const ledger = new MemoryLedger(ISSUER);
/** alice -> my_gateway, granted; then a refusal of somebody who is erased. */
const exchange = recordOfClient({
  time: TIME,
  grantType: GrantType.TokenExchange,
  subject: { iss: ISSUER, sub: 'alice' },
  actor: gateway,
  actors: [gateway],
  chainId: CHAIN,
  mode: 'delegation',
  address: '192.0.2.1',
  issuedToken: {
    hash: 'h',
    jti: '=1+1',
    audience: ['address_service'],
    scope: ['read', 'write'],
    expiresAt: TIME / 1000 + 60,
  },
  basis: { policy: 'client-settings', version: '3', rule: 'targets' },
});
const refusal = recordOfClient({
  time: TIME + 1,
  outcome: 'refused',
  reason: 'target_unknown',
  error: 'invalid_target',
  subject: { iss: ISSUER, sub: 'bob' },
  requested: { audience: ['+evil', 'a,"b"\r\nc'], purpose: 'to "see"' },
});
let all: readonly ProvenRecord[];

beforeAll(async () => {
  ledger.append(exchange);
  ledger.append(refusal);
  ledger.fill(300, { time: TIME });
  ledger.erase('bob');
  const prover = await RecordProver.newest(ledger);
  all = await prover!.proveFrom(0, 302);
});

/** What `audit verify` says of lines. */
function verify(lines: readonly string[]): {
  readonly findings: readonly string[];
  readonly proved: readonly string[];
} {
  const verifier = new LedgerVerifier(readCheckpointKey(ledger.verifierKey));
  for (const line of lines) verifier.add(line);
  return verifier.finish();
}

/** The cells of a line of CSV (RFC 4180), read without what wrote it. */
function cellsOf(row: string): readonly string[] {
  const cells: string[] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n$)/gy;
  for (let found = cell.exec(row); found; found = cell.exec(row))
    cells.push(found[1]?.replaceAll('""', '"') ?? found[2] ?? '');
  return cells;
}

function rowOf(proven: ProvenRecord): Readonly<Record<string, string>> {
  const names = cellsOf(CSV_HEADER);
  const cells = cellsOf(csvRowOf(proven));
  expect(cells).toHaveLength(names.length);
  return Object.fromEntries(names.map((name, at) => [name, cells[at]!]));
}

describe('An exported record', () => {
  it('is not proven by a checkpoint that does not cover it', async () => {
    const other = new MemoryLedger(ISSUER);
    expect(await RecordProver.newest(other)).toBeUndefined();
    other.fill(1);
    other.append(exchange);
    const prover = await RecordProver.newest(other);
    expect(await prover!.prove([0, 1, 2])).toHaveLength(1);
    expect(await prover!.proveFrom(1, 10)).toEqual([]);
  });

  it.each(['cloudevents', 'ocsf', 'jsonl', 'csv'] as const)(
    'proves itself as %s, and no longer when a byte of it is changed',
    (format) => {
      const writer = recordWriter(format, ISSUER);
      const text = writer.item(all[0]!);
      const lines = ((): readonly string[] => {
        if (format === 'jsonl')
          return [writer.head(all[0]!.checkpoint), text].map((each) => each.trim());
        if (format === 'csv') {
          const { leaf, parts, proof, sequence } = rowOf(all[0]!);
          const hashes = proof!
            .split(' ')
            .map((hash) => Buffer.from(hash, 'hex').toString('base64'));
          return [
            checkpointLine(all[0]!.checkpoint),
            JSON.stringify({
              type: 'entry',
              index: Number(sequence),
              leaf,
              parts: JSON.parse(parts!) as unknown,
              proof: hashes,
            }),
          ];
        }
        const event = JSON.parse(text) as Record<'data' | 'unmapped', { proof: object }>;
        const { checkpoint, entry } = (event.data ?? event.unmapped).proof as {
          checkpoint: string;
          entry: object;
        };
        return [checkpointLine(checkpoint), JSON.stringify(entry)];
      })();
      expect(verify(lines)).toMatchObject({
        findings: [],
        proved: [expect.stringContaining('302 records'), expect.stringContaining('sealed parts')],
      });
      for (const [from, to] of [
        ['delegation', 'impersonation'],
        ['alice', 'carol'],
      ])
        expect(verify(lines.map((line) => line.replace(from!, to!))).findings).not.toEqual([]);
    },
  );
});

describe('CSV', () => {
  it('quotes as RFC 4180 has it, and leaves a spreadsheet nothing to compute', () => {
    const row = rowOf(all[1]!);
    expect(row).toMatchObject({
      sequence: '1',
      reason: 'target_unknown',
      audience: `'+evil a,"b"\r\nc`,
      erased: 'true',
      leaf: all[1]!.leaf.text,
    });
    expect(rowOf(all[0]!)).toMatchObject({
      token_jti: "'=1+1",
      subject_sub: 'alice',
      actors: 'my_gateway',
      time: '2026-01-31T08:00:00.123Z',
      erased: 'false',
      tree_size: '302',
      tree_root: all[0]!.root.toString('hex'),
    });
    expect(csvRowOf(all[1]!)).toMatch(/\r\n$/);
  });

  it('has the header that is documented', () => {
    expect(CSV_HEADER).toBe(
      'sequence,id,time,event,kind,outcome,reason,error,client_id,subject_iss,subject_sub,actor_iss,actor_sub,actors,chain_id,parent_id,mode,audience,requested_scope,granted_scope,token_jti,token_hash,policy,policy_version,rule,operation,operation_target,request_id,trace_id,address,erased,tree_size,tree_root,leaf_hash,proof,leaf,parts\r\n',
    );
  });

  it.each(['=', '+', '-', '@', '\t', '\r', '＝'])('disarms what begins with %j', (sign) => {
    const record = { ...exchange, traceId: `${sign}1` };
    expect(rowOf({ ...all[0]!, record })['trace_id']).toBe(`'${sign}1`);
  });
});

describe('CloudEvents', () => {
  it('say who, what, when and where in the log', () => {
    expect(cloudEventOf(all[0]!, ISSUER)).toMatchObject({
      specversion: '1.0',
      id: exchange.id,
      source: ISSUER,
      type: 'nest-token-exchange.token_exchange.granted',
      subject: 'alice',
      time: '2026-01-31T08:00:00.123Z',
      datacontenttype: 'application/json',
      sequence: '0',
      sequencetype: 'Integer',
      treesize: '302',
      chainid: CHAIN,
      data: { record: exchange },
    });
  });

  it('have attributes of the types and names that the specification allows', () => {
    for (const proven of all.slice(0, 3)) {
      const { data, ...attributes } = cloudEventOf(proven, ISSUER);
      expect(data).toBeDefined();
      for (const [name, value] of Object.entries(attributes)) {
        expect(name).toMatch(/^[a-z0-9]{1,20}$/);
        expect(['string', 'boolean']).toContain(typeof value);
        expect(value).not.toBe('');
      }
    }
  });

  it('leave out who was erased, and say so', () => {
    const event = cloudEventOf(all[1]!, ISSUER);
    expect(event).toMatchObject({
      erased: true,
      data: { record: { subject: { iss: 'urn:nest-token-exchange:erased' } } },
    });
    expect(event.subject).toBeUndefined();
    expect(JSON.stringify(event)).not.toContain('"bob"');
  });
});

const OPERATIONS = [
  'POST /admin/accounts',
  'POST /admin/accounts/:accountId/disable',
  'PATCH /admin/accounts/:accountId',
  'DELETE /admin/clients/:clientId',
  'OTHER',
];

describe('OCSF', () => {
  const kinds: readonly (readonly [string, Partial<AuditRecord>])[] = [
    ...AUDIT_EVENTS.map((event) => [event, { event }] as const),
    ...AUDIT_EVENTS.map(
      (event) =>
        [
          `${event} in full`,
          {
            ...exchange,
            event,
            sid: 'session',
            operation: { name: 'POST /admin/clients', target: 'c1', fields: ['name'] },
          },
        ] as const,
    ),
    ...OPERATIONS.map(
      (name) => [name, { event: 'administration' as const, operation: { name } }] as const,
    ),
    ['a refusal', refusal],
    ['without a client', { requestId: 'nobody' }],
  ];

  it.each(kinds)('is valid against the released schema: %s', (_name, fields) => {
    const { client, ...rest } = recordOfClient(fields);
    const record = { ...rest, ...(rest.requestId === 'nobody' ? {} : { client }) } as AuditRecord;
    const event = ocsfEventOf({ ...all[1]!, record }, ISSUER);
    expect(ocsfProblems(JSON.parse(JSON.stringify(event)))).toEqual([]);
  });

  it('tells a delegation as an assignment of privileges', () => {
    expect(ocsfEventOf(all[0]!, ISSUER)).toMatchObject({
      class_uid: 3003,
      activity_id: 1,
      type_uid: 300_301,
      time: TIME,
      status_id: 1,
      privileges: ['read', 'write'],
      user: { uid: 'alice', domain: ISSUER, type: 'User' },
      actor: { app_uid: 'my_gateway', user: { uid: 'my_gateway', type: 'Service' } },
      metadata: { version: '1.7.0', uid: exchange.id, correlation_uid: CHAIN, sequence: 0 },
      unmapped: { delegation: { mode: 'delegation', actors: [gateway] }, record: exchange },
    });
  });

  it('tells a refusal as a failure, and who was erased by the id of a key', () => {
    const event = ocsfEventOf(all[1]!, ISSUER);
    expect(event).toMatchObject({
      class_uid: 3002,
      status_id: 2,
      status_code: 'invalid_target',
      status_detail: 'target_unknown',
      user: { uid: 'key of bob', domain: 'urn:nest-token-exchange:erased' },
      unmapped: { erased: true },
    });
  });
});
