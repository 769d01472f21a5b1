import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What was revoked. */
export class Revocations1795737600000 implements MigrationInterface {
  readonly name = 'Revocations1795737600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE nte_revocation (
        key text COLLATE "C" NOT NULL CONSTRAINT nte_revocation_pkey PRIMARY KEY,
        before bigint NOT NULL,
        expires_at bigint,
        epoch bigint NOT NULL
      )`);
    await runner.query('CREATE INDEX nte_revocation_order ON nte_revocation (epoch, key)');
    await runner.query(`
      CREATE INDEX nte_revocation_expiry ON nte_revocation (expires_at)
        WHERE (expires_at IS NOT NULL)`);
    await runner.query(`
      CREATE TABLE nte_revocation_epoch (
        is_only boolean NOT NULL DEFAULT true
          CONSTRAINT nte_revocation_epoch_pkey PRIMARY KEY
          CONSTRAINT nte_revocation_epoch_only CHECK (is_only),
        epoch bigint NOT NULL
      )`);
    await runner.query('INSERT INTO nte_revocation_epoch (epoch) VALUES (0)');
    await runner.query(`
      CREATE TABLE nte_status_entry (
        position bigint NOT NULL CONSTRAINT nte_status_entry_pkey PRIMARY KEY,
        keys text[] NOT NULL,
        root_time bigint NOT NULL,
        expires_at bigint NOT NULL
      )`);
    await runner.query('CREATE INDEX nte_status_entry_expiry ON nte_status_entry (expires_at)');
    // One instance takes as many places as the step is wide.
    await runner.query(
      'CREATE SEQUENCE nte_status_position MINVALUE 0 START WITH 0 INCREMENT BY 64',
    );
    // The default stays: an instance that does not know the setting yet goes on writing clients.
    await runner.query(`
      ALTER TABLE nte_client ADD COLUMN access_tokens jsonb NOT NULL
        DEFAULT '{"takes":"jwt","gets":"jwt","statusList":false,"introspectsAll":false}'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE nte_client DROP COLUMN access_tokens');
    await runner.query('DROP SEQUENCE nte_status_position');
    await runner.query('DROP TABLE nte_status_entry');
    await runner.query('DROP TABLE nte_revocation_epoch');
    await runner.query('DROP TABLE nte_revocation');
  }
}
