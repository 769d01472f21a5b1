import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Accounts and their sign-in sessions. */
export class People1795478400000 implements MigrationInterface {
  readonly name = 'People1795478400000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE nte_account (
        account_id uuid NOT NULL CONSTRAINT nte_account_pkey PRIMARY KEY,
        username text NOT NULL,
        username_key text COLLATE "C" NOT NULL,
        name text NOT NULL,
        email text,
        email_verified boolean NOT NULL,
        locale text,
        claims jsonb NOT NULL,
        groups text[] NOT NULL,
        roles text[] NOT NULL,
        disabled boolean NOT NULL,
        password jsonb,
        created_at bigint NOT NULL,
        updated_at bigint NOT NULL,
        version integer NOT NULL
      )`);
    await runner.query('CREATE UNIQUE INDEX nte_account_username ON nte_account (username_key)');
    await runner.query(`
      CREATE TABLE nte_session (
        sid text COLLATE "C" NOT NULL CONSTRAINT nte_session_pkey PRIMARY KEY,
        secret_hash text COLLATE "C" NOT NULL,
        account_id uuid NOT NULL,
        auth_time bigint NOT NULL,
        acr text NOT NULL,
        amr text[] NOT NULL,
        created_at bigint NOT NULL,
        last_seen_at bigint NOT NULL,
        expires_at bigint NOT NULL,
        idle_limit bigint NOT NULL,
        address text,
        user_agent text,
        clients text[] NOT NULL
      )`);
    await runner.query('CREATE UNIQUE INDEX nte_session_secret ON nte_session (secret_hash)');
    await runner.query('CREATE INDEX nte_session_account ON nte_session (account_id)');
    await runner.query('CREATE INDEX nte_session_expiry ON nte_session (expires_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE nte_session');
    await runner.query('DROP TABLE nte_account');
  }
}
