import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Policies with all their versions, how often they were used, and the groups that they name. */
export class Policies1795651200000 implements MigrationInterface {
  readonly name = 'Policies1795651200000';

  async up(runner: QueryRunner): Promise<void> {
    // The default stays: an instance that does not know groups yet goes on writing clients.
    await runner.query(`ALTER TABLE nte_client ADD COLUMN groups text[] NOT NULL DEFAULT '{}'`);
    await createPolicies(runner);
    await runner.query(`
      CREATE TABLE nte_policy_use (
        key text COLLATE "C" NOT NULL CONSTRAINT nte_policy_use_pkey PRIMARY KEY,
        count bigint NOT NULL,
        until bigint
      )`);
    await runner.query(`
      CREATE INDEX nte_policy_use_expiry ON nte_policy_use (until) WHERE (until IS NOT NULL)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE nte_policy_use');
    await runner.query('DROP TABLE nte_policy_version');
    await runner.query('DROP FUNCTION nte_refuse_policy_change');
    await runner.query('ALTER TABLE nte_client DROP COLUMN groups');
  }
}

async function createPolicies(runner: QueryRunner): Promise<void> {
  await runner.query(`
    CREATE TABLE nte_policy_version (
      policy_id text COLLATE "C" NOT NULL,
      version integer NOT NULL,
      document json NOT NULL,
      written_at bigint NOT NULL,
      written_by jsonb NOT NULL,
      is_deleted boolean NOT NULL,
      CONSTRAINT nte_policy_version_pkey PRIMARY KEY (policy_id, version)
    )`);
  // Records name versions: what one of them said must be there years later.
  await runner.query(`
    CREATE FUNCTION nte_refuse_policy_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'versions of policies are never changed: % on % is refused',
          TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
      END
    $$`);
  await runner.query(`
    CREATE TRIGGER nte_policy_version_append_only
      BEFORE UPDATE OR DELETE OR TRUNCATE ON nte_policy_version
      FOR EACH STATEMENT EXECUTE FUNCTION nte_refuse_policy_change()`);
  await runner.query(
    'ALTER TABLE nte_policy_version ENABLE ALWAYS TRIGGER nte_policy_version_append_only',
  );
}
