import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

import { ClientEntity } from './client.entity.js';

/** An identifier that a client answers to, its id too: what makes them unique among all clients. */
@Entity('nte_client_identifier')
@Index('nte_client_identifier_client', ['clientId'])
export class ClientIdentifierEntity {
  @PrimaryColumn('text', {
    collation: 'C',
    primaryKeyConstraintName: 'nte_client_identifier_pkey',
  })
  identifier!: string;

  @Column({ type: 'text', name: 'client_id', collation: 'C' })
  @ForeignKey(() => ClientEntity, {
    name: 'nte_client_identifier_client_fkey',
    onDelete: 'CASCADE',
  })
  clientId!: string;
}
