import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Signing keys, clients, trusted issuers and the audit log. */
export class FirstStores1795392000000 implements MigrationInterface {
  readonly name = 'FirstStores1795392000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE nte_signing_key (
        kid text COLLATE "C" NOT NULL CONSTRAINT nte_signing_key_pkey PRIMARY KEY,
        algorithm text NOT NULL,
        public_jwk jsonb NOT NULL,
        sealed_private_jwk text NOT NULL,
        created_at bigint NOT NULL,
        active_from bigint NOT NULL,
        revoked_at bigint
      )`);
    await runner.query(`
      CREATE TABLE nte_client (
        client_id text COLLATE "C" NOT NULL CONSTRAINT nte_client_pkey PRIMARY KEY,
        name text NOT NULL,
        kind text NOT NULL,
        disabled boolean NOT NULL,
        grant_types text[] NOT NULL,
        scopes text[] NOT NULL,
        authentication_methods text[] NOT NULL,
        secrets jsonb NOT NULL,
        identifiers text[] NOT NULL,
        offered_scopes text[] NOT NULL,
        targets text[] NOT NULL,
        default_target text,
        token_lifetime integer NOT NULL,
        exchange jsonb NOT NULL,
        created_at bigint NOT NULL,
        version integer NOT NULL
      )`);
    await runner.query(`
      CREATE TABLE nte_client_identifier (
        identifier text COLLATE "C" NOT NULL CONSTRAINT nte_client_identifier_pkey PRIMARY KEY,
        client_id text COLLATE "C" NOT NULL CONSTRAINT nte_client_identifier_client_fkey
          REFERENCES nte_client (client_id) ON DELETE CASCADE
      )`);
    await runner.query(
      'CREATE INDEX nte_client_identifier_client ON nte_client_identifier (client_id)',
    );
    await runner.query(`
      CREATE TABLE nte_trusted_issuer (
        issuer text COLLATE "C" NOT NULL CONSTRAINT nte_trusted_issuer_pkey PRIMARY KEY,
        name text NOT NULL,
        disabled boolean NOT NULL,
        jwks_uri text,
        algorithms text[] NOT NULL,
        accepts jsonb NOT NULL,
        subject_claim text NOT NULL,
        client_id_claims text[] NOT NULL,
        scope_claim text NOT NULL,
        scopes text[] NOT NULL,
        implied_scopes text[] NOT NULL,
        trusts_chains boolean NOT NULL,
        clock_skew integer NOT NULL,
        created_at bigint NOT NULL,
        version integer NOT NULL
      )`);
    await createAuditLog(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE nte_audit_record');
    await runner.query('DROP FUNCTION nte_refuse_audit_change()');
    await runner.query('DROP TABLE nte_trusted_issuer');
    await runner.query('DROP TABLE nte_client_identifier');
    await runner.query('DROP TABLE nte_client');
    await runner.query('DROP TABLE nte_signing_key');
  }
}

async function createAuditLog(runner: QueryRunner): Promise<void> {
  await runner.query(`
    CREATE TABLE nte_audit_record (
      sequence bigint GENERATED ALWAYS AS IDENTITY NOT NULL
        CONSTRAINT nte_audit_record_pkey PRIMARY KEY,
      id uuid NOT NULL,
      time bigint NOT NULL,
      outcome text NOT NULL,
      reason text,
      grant_type text,
      client_id text,
      subject_iss text,
      subject_sub text,
      actors text[] NOT NULL,
      audience text[] NOT NULL,
      chain_id uuid,
      parent_id uuid,
      origin_jti text,
      document text NOT NULL
    )`);
  await runner.query('CREATE UNIQUE INDEX nte_audit_record_id ON nte_audit_record (id)');
  await runner.query(`
    CREATE INDEX nte_audit_record_chain ON nte_audit_record (chain_id)
      WHERE (chain_id IS NOT NULL)`);
  await runner.query(`
    CREATE INDEX nte_audit_record_origin ON nte_audit_record (origin_jti)
      WHERE (origin_jti IS NOT NULL)`);
  await runner.query(`
    CREATE FUNCTION nte_refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'audit records are never changed: % on % is refused', TG_OP, TG_TABLE_NAME
          USING ERRCODE = 'insufficient_privilege';
      END
    $$`);
  // For the statement and not the row, so that it also refuses what would change nothing.
  await runner.query(`
    CREATE TRIGGER nte_audit_record_append_only
      BEFORE UPDATE OR DELETE OR TRUNCATE ON nte_audit_record
      FOR EACH STATEMENT EXECUTE FUNCTION nte_refuse_audit_change()`);
  await runner.query(
    'ALTER TABLE nte_audit_record ENABLE ALWAYS TRIGGER nte_audit_record_append_only',
  );
}
