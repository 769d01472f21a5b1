import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the first partition's end is a multiple of: whole tiles. */
const STEP = 4_096;

/**
 * The records go into partitions by their places, so that old ones can go as a whole. The table of before
 * becomes the first partition as it is: it is read once, to know that its rows fit, and not written anew.
 */
export class LedgerPartitions1795910400000 implements MigrationInterface {
  readonly name = 'LedgerPartitions1795910400000';

  async up(runner: QueryRunner): Promise<void> {
    const [head] = (await runner.query('SELECT size FROM nte_ledger_head')) as { size: string }[];
    const until = (Math.floor(Number(head?.size ?? 0) / STEP) + 1) * STEP;
    await rename(runner, 'nte_audit_record', 'nte_audit_record_0');
    await runner.query(`
      ALTER TABLE nte_audit_record_0 ADD CONSTRAINT nte_audit_record_0_range
        CHECK (sequence >= 0 AND sequence < ${until})`);
    await runner.query(`
      CREATE TABLE nte_audit_record (LIKE nte_audit_record_0 INCLUDING DEFAULTS INCLUDING STORAGE)
        PARTITION BY RANGE (sequence)`);
    await runner.query(`
      ALTER TABLE nte_audit_record ADD CONSTRAINT nte_audit_record_pkey PRIMARY KEY (sequence)`);
    await runner.query(`
      CREATE INDEX nte_audit_record_chain ON nte_audit_record (chain_id)
        WHERE (chain_id IS NOT NULL)`);
    await runner.query(`
      CREATE INDEX nte_audit_record_origin ON nte_audit_record (origin_jti)
        WHERE (origin_jti IS NOT NULL)`);
    await runner.query(`
      CREATE TRIGGER nte_audit_record_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON nte_audit_record
        FOR EACH STATEMENT EXECUTE FUNCTION nte_refuse_audit_change()`);
    await runner.query(
      'ALTER TABLE nte_audit_record ENABLE ALWAYS TRIGGER nte_audit_record_append_only',
    );
    await runner.query(`
      ALTER TABLE nte_audit_record ATTACH PARTITION nte_audit_record_0
        FOR VALUES FROM (0) TO (${until})`);
  }

  /** Only an empty log can be undone, as before. */
  async down(runner: QueryRunner): Promise<void> {
    const rows = (await runner.query('SELECT 1 FROM nte_ledger_head WHERE size > 0')) as unknown[];
    if (rows.length > 0) throw new Error('The ledger holds records: go back to a backup instead');
    await runner.query('ALTER TABLE nte_audit_record DETACH PARTITION nte_audit_record_0');
    await runner.query('DROP TABLE nte_audit_record');
    await runner.query('ALTER TABLE nte_audit_record_0 DROP CONSTRAINT nte_audit_record_0_range');
    await rename(runner, 'nte_audit_record_0', 'nte_audit_record');
  }
}

/** Renames the table with its indexes and its trigger, which stay what they are. */
async function rename(runner: QueryRunner, from: string, to: string): Promise<void> {
  await runner.query(`ALTER TABLE ${from} RENAME TO ${to}`);
  await runner.query(`ALTER TRIGGER ${from}_append_only ON ${to} RENAME TO ${to}_append_only`);
  for (const index of ['pkey', 'id', 'chain', 'origin'])
    await runner.query(`ALTER INDEX ${from}_${index} RENAME TO ${to}_${index}`);
}
