import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

import {
  AUTHENTICATION_METHODS,
  type AccessTokenSettings,
  type AuthenticationMethod,
  type Client,
  type ClientKind,
  type ClientSecret,
  type SignInSettings,
} from '../clients/client.js';
import type { ExchangeSettings } from '../delegation/exchange-request.js';
import { AccessTokenFields } from './access-tokens.dto.js';
import { ExchangeFields } from './exchange.dto.js';
import { isoTime } from './iso-time.js';
import { SignInFields } from './sign-in.dto.js';

/** What an administrator may know of a secret: never the secret, never its hash. */
export class ClientSecretView {
  @ApiProperty({ example: 'kX2pQ9vRt0aZ' })
  readonly id!: string;

  @ApiProperty({ format: 'date-time' })
  readonly createdAt!: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  readonly expiresAt!: string | null;
}

/** A secret that was just made: the only answer that ever shows it. */
export class NewClientSecretView extends ClientSecretView {
  @ApiProperty({ description: 'Keep it: it is not shown again.', format: 'password' })
  readonly secret!: string;
}

/** A client as an administrator sees it. */
export class ClientView {
  @ApiProperty({ example: 'address_service' })
  readonly clientId!: string;

  @ApiProperty({ example: 'Address service' })
  readonly name!: string;

  @ApiProperty({ enum: ['confidential', 'public'] })
  readonly kind!: ClientKind;

  @ApiProperty({ description: 'A disabled client gets nothing; tokens that name it are refused.' })
  readonly disabled!: boolean;

  @ApiProperty({ type: [String], example: ['urn:ietf:params:oauth:grant-type:token-exchange'] })
  readonly grantTypes!: readonly string[];

  @ApiProperty({ type: [String], example: ['address:read'] })
  readonly scopes!: readonly string[];

  @ApiProperty({ isArray: true, enum: AUTHENTICATION_METHODS })
  readonly authenticationMethods!: readonly AuthenticationMethod[];

  @ApiProperty({ type: [ClientSecretView] })
  readonly secrets!: readonly ClientSecretView[];

  @ApiProperty({ type: [String], example: ['https://api.example/addresses'] })
  readonly identifiers!: readonly string[];

  @ApiProperty({ type: [String], example: ['address:read', 'address:write'] })
  readonly offeredScopes!: readonly string[];

  @ApiProperty({ type: [String], example: ['postal_service'] })
  readonly targets!: readonly string[];

  @ApiProperty({ type: String, nullable: true, example: null })
  readonly defaultTarget!: string | null;

  @ApiProperty({ example: 600, description: 'Seconds.' })
  readonly tokenLifetime!: number;

  @ApiProperty({ type: [String], example: ['frontends'] })
  readonly groups!: readonly string[];

  @ApiProperty({ type: AccessTokenFields })
  readonly accessTokens!: AccessTokenSettings;

  @ApiProperty({ type: ExchangeFields })
  readonly exchange!: ExchangeSettings;

  @ApiProperty({ type: SignInFields })
  readonly signIn!: SignInSettings;

  @ApiProperty({ format: 'date-time' })
  readonly createdAt!: string;

  @ApiProperty({ example: 1, description: 'Counts the changes; the ETag is this number.' })
  readonly version!: number;
}

/** A client that was just made. */
export class NewClientView extends ClientView {
  @ApiPropertyOptional({
    type: NewClientSecretView,
    description: 'For a confidential client with grants. Keep it: it is not shown again.',
  })
  readonly newSecret?: NewClientSecretView;
}

/** A page of clients. */
export class ClientPage {
  @ApiProperty({ type: [ClientView] })
  readonly items!: readonly ClientView[];

  @ApiProperty({ type: String, nullable: true, description: 'The cursor of the next page.' })
  readonly next!: string | null;
}

/** Field by field, by name: what is not listed cannot leak. */
export function viewClient(client: Client): ClientView {
  return {
    clientId: client.clientId,
    name: client.name,
    kind: client.kind,
    disabled: client.disabled,
    grantTypes: client.grantTypes,
    scopes: client.scopes,
    authenticationMethods: client.authenticationMethods,
    secrets: client.secrets.map(viewSecret),
    identifiers: client.identifiers,
    offeredScopes: client.offeredScopes,
    targets: client.targets,
    defaultTarget: client.defaultTarget,
    tokenLifetime: client.tokenLifetime,
    groups: client.groups,
    accessTokens: client.accessTokens,
    exchange: client.exchange,
    signIn: client.signIn,
    createdAt: isoTime(client.createdAt),
    version: client.version,
  };
}

function viewSecret({ id, createdAt, expiresAt }: ClientSecret): ClientSecretView {
  return {
    id,
    createdAt: isoTime(createdAt),
    expiresAt: expiresAt === null ? null : isoTime(expiresAt),
  };
}

/** A secret that was just made, this once with itself. */
export function viewNewSecret(kept: ClientSecret, secret: string): NewClientSecretView {
  return Object.assign(viewSecret(kept), { secret });
}
