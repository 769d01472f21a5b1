import { Column, Entity, PrimaryColumn } from 'typeorm';

import type {
  AcceptedToken,
  TrustedAlgorithm,
  TrustedIssuer,
} from '../../tokens/trusted-issuer.js';
import { milliseconds } from './milliseconds.js';

/** A trusted issuer, whole in one row. */
@Entity('nte_trusted_issuer')
export class TrustedIssuerEntity implements TrustedIssuer {
  @PrimaryColumn('text', { collation: 'C', primaryKeyConstraintName: 'nte_trusted_issuer_pkey' })
  issuer!: string;

  @Column('text')
  name!: string;

  @Column('boolean')
  disabled!: boolean;

  @Column('text', { name: 'jwks_uri', nullable: true })
  jwksUri!: string | null;

  @Column('text', { array: true })
  algorithms!: TrustedAlgorithm[];

  @Column('jsonb')
  accepts!: AcceptedToken[];

  @Column('text', { name: 'subject_claim' })
  subjectClaim!: string;

  @Column('text', { name: 'client_id_claims', array: true })
  clientIdClaims!: string[];

  @Column('text', { name: 'scope_claim' })
  scopeClaim!: string;

  @Column('text', { array: true })
  scopes!: string[];

  @Column('text', { name: 'implied_scopes', array: true })
  impliedScopes!: string[];

  @Column('boolean', { name: 'trusts_chains' })
  trustsChains!: boolean;

  @Column('integer', { name: 'clock_skew' })
  clockSkew!: number;

  @Column('bigint', { name: 'created_at', transformer: milliseconds })
  createdAt!: number;

  @Column('integer')
  version!: number;
}
