import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The index of the log knows everybody whom a record names from now on: it is made anew. */
export class PeopleInSearch1796256000000 implements MigrationInterface {
  readonly name = 'PeopleInSearch1796256000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('TRUNCATE nte_audit_segment, nte_audit_posting');
  }

  /** What the index knows more hinders nobody. */
  async down(): Promise<void> {}
}
