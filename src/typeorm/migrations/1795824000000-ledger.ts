import type { MigrationInterface, QueryRunner } from 'typeorm';

import { Frontier } from '../../audit/ledger/frontier.js';
import { hashLeaf } from '../../audit/ledger/hashing.js';
import { essentialsOf, leafText } from '../../audit/ledger/leaf.js';
import { sealPart } from '../../audit/ledger/part-seal.js';
import type { JsonObject } from '../../oauth/claims.js';

/** How many records of before are taken in at once. */
const BATCH = 1_000;

/**
 * The audit log becomes a ledger. Records of before are taken in as they are found, in their order,
 * and say that they are such: nothing proves what happened to them earlier. They were not encrypted
 * for anybody, and they stay so; the leaf only commits to what they say.
 */
export class Ledger1795824000000 implements MigrationInterface {
  readonly name = 'Ledger1795824000000';

  async up(runner: QueryRunner): Promise<void> {
    await createSubjectKeys(runner);
    await runner.query(`
      ALTER TABLE nte_audit_record
        ALTER COLUMN sequence DROP IDENTITY,
        ADD COLUMN subject_key uuid,
        ADD COLUMN leaf_hash bytea,
        ADD COLUMN sealed text[] NOT NULL DEFAULT '{}',
        DROP CONSTRAINT nte_audit_record_pkey,
        DISABLE TRIGGER nte_audit_record_append_only`);
    const head = await takeIn(runner);
    await runner.query(`
      ALTER TABLE nte_audit_record
        ADD CONSTRAINT nte_audit_record_pkey PRIMARY KEY (sequence),
        ALTER COLUMN leaf_hash SET NOT NULL,
        ALTER COLUMN sealed DROP DEFAULT,
        ENABLE ALWAYS TRIGGER nte_audit_record_append_only`);
    await createLedger(runner, head);
  }

  /** Only an empty log can be undone: nobody can write its records again as they were before. */
  async down(runner: QueryRunner): Promise<void> {
    const rows = (await runner.query('SELECT 1 FROM nte_audit_record LIMIT 1')) as unknown[];
    if (rows.length > 0) throw new Error('The ledger holds records: go back to a backup instead');
    for (const table of ['key', 'checkpoint', 'tile', 'head'])
      await runner.query(`DROP TABLE nte_ledger_${table}`);
    await runner.query('DROP FUNCTION nte_refuse_ledger_change()');
    await runner.query('DROP FUNCTION nte_check_ledger_head()');
    await runner.query(`
      ALTER TABLE nte_audit_record
        DROP COLUMN sealed,
        DROP COLUMN leaf_hash,
        DROP COLUMN subject_key,
        ALTER COLUMN sequence ADD GENERATED ALWAYS AS IDENTITY`);
    await runner.query('DROP TABLE nte_subject_key');
  }
}

interface FormerRow {
  readonly sequence: string;
  readonly document: string;
}

/** Gives every record of before its leaf and its place, counted from 0 without the gaps. */
async function takeIn(runner: QueryRunner): Promise<Frontier> {
  let head = Frontier.EMPTY;
  let after = '-1';
  for (;;) {
    const rows = (await runner.query(
      `SELECT sequence, document FROM nte_audit_record
        WHERE sequence > $1 AND leaf_hash IS NULL ORDER BY sequence LIMIT ${BATCH}`,
      [after],
    )) as FormerRow[];
    if (rows.length === 0) return head;
    const leaves = rows.map(({ document }) => leafOf(document));
    await runner.query(
      `UPDATE nte_audit_record AS kept
          SET sequence = $2::bigint + place - 1, document = leaf,
              leaf_hash = decode(hash, 'base64'), sealed = ARRAY[part]
         FROM unnest($1::bigint[], $3::text[], $4::text[], $5::text[])
              WITH ORDINALITY AS r (former, leaf, hash, part, place)
        WHERE kept.sequence = former AND kept.leaf_hash IS NULL`,
      [
        rows.map(({ sequence }) => sequence),
        head.size,
        leaves.map(({ text }) => text),
        leaves.map(({ hash }) => hash.toString('base64')),
        leaves.map(({ sealed }) => sealed),
      ],
    );
    head = head.append(leaves.map(({ hash }) => hash));
    after = rows.at(-1)?.sequence ?? after;
  }
}

function leafOf(document: string): {
  readonly text: string;
  readonly hash: Buffer;
  readonly sealed: string;
} {
  const { essentials, rest } = essentialsOf(JSON.parse(document) as JsonObject);
  const { commitment, sealed } = sealPart(null, '', JSON.stringify(rest));
  const text = leafText(JSON.stringify(essentials), [{ key: null, commitment }], true);
  return { text, hash: hashLeaf(Buffer.from(text)), sealed };
}

async function createSubjectKeys(runner: QueryRunner): Promise<void> {
  await runner.query(`
    CREATE TABLE nte_subject_key (
      key_id uuid NOT NULL CONSTRAINT nte_subject_key_pkey PRIMARY KEY,
      reference text COLLATE "C" NOT NULL,
      sub_reference text COLLATE "C",
      iss_reference text COLLATE "C",
      wrapped_key text NOT NULL,
      created_at bigint NOT NULL
    )`);
  await runner.query(
    'CREATE UNIQUE INDEX nte_subject_key_reference ON nte_subject_key (reference)',
  );
  await runner.query(`
    CREATE INDEX nte_subject_key_sub ON nte_subject_key (sub_reference)
      WHERE (sub_reference IS NOT NULL)`);
  await runner.query(`
    CREATE INDEX nte_subject_key_iss ON nte_subject_key (iss_reference)
      WHERE (iss_reference IS NOT NULL)`);
}

async function createLedger(runner: QueryRunner, { size, bytes, root }: Frontier): Promise<void> {
  await runner.query(`
    CREATE TABLE nte_ledger_head (
      log smallint NOT NULL CONSTRAINT nte_ledger_head_pkey PRIMARY KEY,
      size bigint NOT NULL,
      frontier bytea NOT NULL,
      root bytea NOT NULL
    )`);
  await runner.query('INSERT INTO nte_ledger_head VALUES (1, $1, $2, $3)', [size, bytes, root]);
  await runner.query(`
    CREATE TABLE nte_ledger_tile (
      level smallint NOT NULL,
      index bigint NOT NULL,
      hashes bytea NOT NULL,
      root bytea NOT NULL,
      CONSTRAINT nte_ledger_tile_pkey PRIMARY KEY (level, index)
    )`);
  // Hashes cannot be compressed.
  await runner.query('ALTER TABLE nte_ledger_tile ALTER COLUMN hashes SET STORAGE EXTERNAL');
  await runner.query(`
    CREATE TABLE nte_ledger_checkpoint (
      size bigint NOT NULL CONSTRAINT nte_ledger_checkpoint_pkey PRIMARY KEY,
      note text NOT NULL,
      signed_at bigint NOT NULL
    )`);
  await runner.query(`
    CREATE TABLE nte_ledger_key (
      verifier_key text COLLATE "C" NOT NULL CONSTRAINT nte_ledger_key_pkey PRIMARY KEY,
      sealed_private_key text NOT NULL,
      created_at bigint NOT NULL
    )`);
  await guardLedger(runner);
}

/** Nothing of the log is ever changed; only its head moves, and only forward. */
async function guardLedger(runner: QueryRunner): Promise<void> {
  await runner.query(`
    CREATE FUNCTION nte_refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'the ledger is never changed: % on % is refused', TG_OP, TG_TABLE_NAME
          USING ERRCODE = 'insufficient_privilege';
      END
    $$`);
  await runner.query(`
    CREATE FUNCTION nte_check_ledger_head() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF NEW.size <= OLD.size OR NEW.log <> OLD.log THEN
          RAISE EXCEPTION 'the head of the ledger only moves forward'
            USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN NEW;
      END
    $$`);
  for (const [table, operations] of [
    ['nte_ledger_tile', 'UPDATE OR DELETE OR TRUNCATE'],
    ['nte_ledger_checkpoint', 'UPDATE OR DELETE OR TRUNCATE'],
    ['nte_ledger_head', 'DELETE OR TRUNCATE'],
  ]) {
    await runner.query(`
      CREATE TRIGGER ${table}_append_only BEFORE ${operations} ON ${table}
        FOR EACH STATEMENT EXECUTE FUNCTION nte_refuse_ledger_change()`);
    await runner.query(`ALTER TABLE ${table} ENABLE ALWAYS TRIGGER ${table}_append_only`);
  }
  await runner.query(`
    CREATE TRIGGER nte_ledger_head_forward BEFORE UPDATE ON nte_ledger_head
      FOR EACH ROW EXECUTE FUNCTION nte_check_ledger_head()`);
  await runner.query('ALTER TABLE nte_ledger_head ENABLE ALWAYS TRIGGER nte_ledger_head_forward');
}
