import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Receivers of records, and what could not be delivered to them. */
export class Sinks1796083200000 implements MigrationInterface {
  readonly name = 'Sinks1796083200000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE nte_sink (
        id uuid NOT NULL CONSTRAINT nte_sink_pkey PRIMARY KEY,
        name text NOT NULL,
        kind text NOT NULL,
        url text NOT NULL,
        subject text,
        format text NOT NULL,
        filter jsonb NOT NULL,
        sealed_secret text,
        max_attempts integer NOT NULL,
        on_exhausted text NOT NULL,
        created_at bigint NOT NULL,
        version integer NOT NULL,
        state text NOT NULL,
        cursor bigint NOT NULL,
        failures integer NOT NULL,
        next_attempt bigint NOT NULL,
        last_error text,
        delivered_at bigint,
        held_by uuid,
        held_until bigint NOT NULL)`);
    await runner.query(`
      CREATE TABLE nte_dead_letter (
        id uuid NOT NULL CONSTRAINT nte_dead_letter_pkey PRIMARY KEY,
        sink_id uuid NOT NULL,
        first bigint NOT NULL,
        last bigint NOT NULL,
        attempts integer NOT NULL,
        error text NOT NULL,
        "time" bigint NOT NULL)`);
    await runner.query('CREATE INDEX nte_dead_letter_sink ON nte_dead_letter (sink_id, id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE nte_dead_letter');
    await runner.query('DROP TABLE nte_sink');
  }
}
