import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The index of the audit log, which the service fills in the background, from the beginning of the
 * log on. Nothing in it is new: it can be emptied at any time.
 */
export class AuditSearch1795996800000 implements MigrationInterface {
  readonly name = 'AuditSearch1795996800000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE nte_audit_segment (
        first bigint NOT NULL CONSTRAINT nte_audit_segment_pkey PRIMARY KEY,
        level smallint NOT NULL,
        min_time bigint NOT NULL,
        max_time bigint NOT NULL,
        times bytea NOT NULL
      )`);
    // Small segments are merged into larger ones: what they leave is used again soon.
    await runner.query(`
      CREATE TABLE nte_audit_posting (
        first bigint NOT NULL,
        level smallint NOT NULL,
        bucket integer NOT NULL,
        entries bytea NOT NULL,
        CONSTRAINT nte_audit_posting_pkey PRIMARY KEY (first, level, bucket)
      ) WITH (autovacuum_vacuum_scale_factor = 0.02)`);
    // Hashes cannot be compressed.
    await runner.query('ALTER TABLE nte_audit_posting ALTER COLUMN entries SET STORAGE EXTERNAL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE nte_audit_posting');
    await runner.query('DROP TABLE nte_audit_segment');
  }
}
