import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Where checkpoints are kept outside of the database, and what witnesses signed beside them. */
export class Anchors1796169600000 implements MigrationInterface {
  readonly name = 'Anchors1796169600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE nte_ledger_anchor (
        name text COLLATE "C" NOT NULL CONSTRAINT nte_ledger_anchor_pkey PRIMARY KEY,
        size bigint NOT NULL,
        note text,
        anchored_at bigint,
        tried_at bigint,
        failures integer NOT NULL,
        error text
      )`);
    await runner.query(`
      CREATE TABLE nte_ledger_cosignature (
        size bigint NOT NULL,
        witness text COLLATE "C" NOT NULL,
        line text NOT NULL,
        CONSTRAINT nte_ledger_cosignature_pkey PRIMARY KEY (size, witness)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE nte_ledger_cosignature');
    await runner.query('DROP TABLE nte_ledger_anchor');
  }
}
