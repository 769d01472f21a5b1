import { Column, Entity, PrimaryColumn } from 'typeorm';

import { milliseconds } from './milliseconds.js';

/** A key that signs checkpoints: in a table of its own, because it must never sign a token. */
@Entity('nte_ledger_key')
export class LedgerKeyEntity {
  /** `name+id+key` of c2sp.org/signed-note. */
  @PrimaryColumn('text', {
    name: 'verifier_key',
    collation: 'C',
    primaryKeyConstraintName: 'nte_ledger_key_pkey',
  })
  verifierKey!: string;

  @Column('text', { name: 'sealed_private_key' })
  sealedPrivateKey!: string;

  @Column('bigint', { name: 'created_at', transformer: milliseconds })
  createdAt!: number;
}
