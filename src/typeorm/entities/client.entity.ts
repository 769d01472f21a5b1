import { Column, Entity, PrimaryColumn } from 'typeorm';

import type {
  AccessTokenSettings,
  AuthenticationMethod,
  Client,
  ClientKind,
  ClientSecret,
  SignInSettings,
} from '../../clients/client.js';
import type { ExchangeSettings } from '../../delegation/exchange-request.js';
import { milliseconds } from './milliseconds.js';

/** A client, whole in one row, so that one read has everything that decides a request. */
@Entity('nte_client')
export class ClientEntity implements Client {
  @PrimaryColumn('text', {
    name: 'client_id',
    collation: 'C',
    primaryKeyConstraintName: 'nte_client_pkey',
  })
  clientId!: string;

  @Column('text')
  name!: string;

  @Column('text')
  kind!: ClientKind;

  @Column('boolean')
  disabled!: boolean;

  @Column('text', { name: 'grant_types', array: true })
  grantTypes!: string[];

  @Column('text', { array: true })
  scopes!: string[];

  @Column('text', { name: 'authentication_methods', array: true })
  authenticationMethods!: AuthenticationMethod[];

  @Column('jsonb')
  secrets!: ClientSecret[];

  @Column('text', { array: true })
  identifiers!: string[];

  @Column('text', { name: 'offered_scopes', array: true })
  offeredScopes!: string[];

  @Column('text', { array: true })
  targets!: string[];

  @Column('text', { name: 'default_target', nullable: true })
  defaultTarget!: string | null;

  @Column('integer', { name: 'token_lifetime' })
  tokenLifetime!: number;

  @Column('jsonb', {
    name: 'access_tokens',
    default: { takes: 'jwt', gets: 'jwt', statusList: false, introspectsAll: false },
  })
  accessTokens!: AccessTokenSettings;

  @Column('jsonb')
  exchange!: ExchangeSettings;

  @Column('jsonb', { name: 'sign_in' })
  signIn!: SignInSettings;

  @Column('text', { array: true, default: '{}' })
  groups!: string[];

  @Column('bigint', { name: 'created_at', transformer: milliseconds })
  createdAt!: number;

  @Column('integer')
  version!: number;
}
