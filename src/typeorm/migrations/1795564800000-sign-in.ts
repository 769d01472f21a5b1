import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What people allow applications, and what clients say of people who sign in to them. */
export class SignIn1795564800000 implements MigrationInterface {
  readonly name = 'SignIn1795564800000';

  async up(runner: QueryRunner): Promise<void> {
    // The most careful settings for the clients that are there; a new one brings its own.
    await runner.query(`
      ALTER TABLE nte_client ADD COLUMN sign_in jsonb NOT NULL DEFAULT '{
        "redirectUris": [],
        "postLogoutRedirectUris": [],
        "pkceRequired": true,
        "pushedRequestsRequired": false,
        "consentRequired": true,
        "defaultScopes": [],
        "idTokenAlgorithm": "RS256",
        "subjectType": "public",
        "sectorHost": null,
        "backchannelLogoutUri": null
      }'`);
    await runner.query('ALTER TABLE nte_client ALTER COLUMN sign_in DROP DEFAULT');
    // Records of before were all of grants, and so are those of an instance that does not know it yet.
    await runner.query(
      `ALTER TABLE nte_audit_record ADD COLUMN event text NOT NULL DEFAULT 'grant'`,
    );
    await createAuthorizations(runner);
    await runner.query(`
      CREATE TABLE nte_consent (
        account_id uuid NOT NULL,
        client_id text COLLATE "C" NOT NULL,
        scope text[] NOT NULL,
        targets text[] NOT NULL,
        granted_at bigint NOT NULL,
        CONSTRAINT nte_consent_pkey PRIMARY KEY (account_id, client_id)
      )`);
    await runner.query(`
      CREATE TABLE nte_pushed_request (
        request_hash text COLLATE "C" NOT NULL CONSTRAINT nte_pushed_request_pkey PRIMARY KEY,
        client_id text COLLATE "C" NOT NULL,
        parameters json NOT NULL,
        expires_at bigint NOT NULL
      )`);
    await runner.query('CREATE INDEX nte_pushed_request_expiry ON nte_pushed_request (expires_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE nte_pushed_request');
    await runner.query('DROP TABLE nte_consent');
    await runner.query('DROP TABLE nte_refresh_token');
    await runner.query('DROP TABLE nte_authorization_code');
    await runner.query('DROP TABLE nte_authorization');
    await runner.query('ALTER TABLE nte_audit_record DROP COLUMN event');
    await runner.query('ALTER TABLE nte_client DROP COLUMN sign_in');
  }
}

async function createAuthorizations(runner: QueryRunner): Promise<void> {
  await runner.query(`
    CREATE TABLE nte_authorization (
      authorization_id uuid NOT NULL CONSTRAINT nte_authorization_pkey PRIMARY KEY,
      client_id text COLLATE "C" NOT NULL,
      account_id uuid NOT NULL,
      sid text COLLATE "C" NOT NULL,
      scope text[] NOT NULL,
      targets text[] NOT NULL,
      claims json NOT NULL,
      auth_time bigint NOT NULL,
      acr text NOT NULL,
      amr text[] NOT NULL,
      is_offline boolean NOT NULL,
      created_at bigint NOT NULL,
      expires_at bigint NOT NULL,
      revoked_at bigint
    )`);
  await runner.query('CREATE INDEX nte_authorization_account ON nte_authorization (account_id)');
  await runner.query('CREATE INDEX nte_authorization_client ON nte_authorization (client_id)');
  await runner.query('CREATE INDEX nte_authorization_session ON nte_authorization (sid)');
  await runner.query('CREATE INDEX nte_authorization_expiry ON nte_authorization (expires_at)');
  await runner.query(`
    CREATE INDEX nte_authorization_revocation ON nte_authorization (revoked_at)
      WHERE (revoked_at IS NOT NULL)`);
  await runner.query(`
    CREATE TABLE nte_authorization_code (
      code_hash text COLLATE "C" NOT NULL CONSTRAINT nte_authorization_code_pkey PRIMARY KEY,
      authorization_id uuid NOT NULL CONSTRAINT nte_authorization_code_authorization_fkey
        REFERENCES nte_authorization (authorization_id) ON DELETE CASCADE,
      redirect_uri text NOT NULL,
      code_challenge text,
      nonce text,
      expires_at bigint NOT NULL,
      used_at bigint
    )`);
  await runner.query(`
    CREATE INDEX nte_authorization_code_authorization
      ON nte_authorization_code (authorization_id)`);
  await runner.query(`
    CREATE TABLE nte_refresh_token (
      token_hash text COLLATE "C" NOT NULL CONSTRAINT nte_refresh_token_pkey PRIMARY KEY,
      authorization_id uuid NOT NULL CONSTRAINT nte_refresh_token_authorization_fkey
        REFERENCES nte_authorization (authorization_id) ON DELETE CASCADE,
      created_at bigint NOT NULL,
      expires_at bigint NOT NULL,
      used_at bigint
    )`);
  await runner.query(
    'CREATE INDEX nte_refresh_token_authorization ON nte_refresh_token (authorization_id)',
  );
}
