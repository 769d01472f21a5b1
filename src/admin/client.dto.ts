import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsArray, IsIn, IsInt, IsObject, IsString, ValidateNested } from 'class-validator';

import {
  AUTHENTICATION_METHODS,
  DEFAULT_TOKEN_LIFETIME,
  type AuthenticationMethod,
  type ClientKind,
} from '../clients/client.js';
import { GrantType } from '../oauth/grant-type.js';
import { AccessTokenFields } from './access-tokens.dto.js';
import { ExchangeFields } from './exchange.dto.js';
import { SignInFields } from './sign-in.dto.js';
import { MayBeAbsent, MayBeNull } from './validation.js';

/** What can be said of a client besides its name; what is not named stays as it is. */
export class ClientFields {
  @ApiPropertyOptional({
    isArray: true,
    enum: Object.values(GrantType),
    example: [GrantType.TokenExchange],
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly grantTypes?: readonly string[];

  @ApiPropertyOptional({
    type: [String],
    description: 'Scope values it may obtain.',
    example: ['address:read'],
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly scopes?: readonly string[];

  @ApiPropertyOptional({ isArray: true, enum: AUTHENTICATION_METHODS })
  @MayBeAbsent()
  @IsArray()
  @IsIn(AUTHENTICATION_METHODS, { each: true })
  readonly authenticationMethods?: readonly AuthenticationMethod[];

  @ApiPropertyOptional({
    type: [String],
    description: 'Audiences and resources it answers to, besides its client id.',
    example: ['https://api.example/addresses'],
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly identifiers?: readonly string[];

  @ApiPropertyOptional({
    type: [String],
    description: 'Scope values that mean something at it, when it is the target.',
    example: ['address:read', 'address:write'],
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly offeredScopes?: readonly string[];

  @ApiPropertyOptional({
    type: [String],
    description: 'Identifiers of the targets it may ask for.',
    example: ['postal_service'],
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly targets?: readonly string[];

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    description: 'The target of a request that names none.',
    example: null,
  })
  @MayBeNull()
  @IsString()
  readonly defaultTarget?: string | null;

  @ApiPropertyOptional({
    minimum: 30,
    maximum: 86_400,
    default: DEFAULT_TOKEN_LIFETIME,
    description: 'Seconds that an access token for it lives at most.',
  })
  @MayBeAbsent()
  @IsInt()
  readonly tokenLifetime?: number;

  @ApiPropertyOptional({
    type: [String],
    description: 'Groups of clients that it is in, for policies that name them.',
    example: ['frontends'],
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly groups?: readonly string[];

  @ApiPropertyOptional({ type: AccessTokenFields })
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => AccessTokenFields)
  readonly accessTokens?: AccessTokenFields;

  @ApiPropertyOptional({ type: ExchangeFields })
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => ExchangeFields)
  readonly exchange?: ExchangeFields;

  @ApiPropertyOptional({ type: SignInFields })
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => SignInFields)
  readonly signIn?: SignInFields;
}

/** A change of a client. */
export class ChangeClient extends ClientFields {
  @ApiPropertyOptional({ example: 'Address service', maxLength: 200 })
  @MayBeAbsent()
  @IsString()
  readonly name?: string;
}

/** A new client. Its id and its kind stay what they are. */
export class CreateClient extends ClientFields {
  @ApiPropertyOptional({
    example: 'address_service',
    pattern: '^[A-Za-z0-9_-]{1,128}$',
    description: 'Made up when absent. Not a UUID: accounts have those.',
  })
  @MayBeAbsent()
  @IsString()
  readonly clientId?: string;

  @ApiPropertyOptional({ enum: ['confidential', 'public'], default: 'confidential' })
  @MayBeAbsent()
  @IsIn(['confidential', 'public'])
  readonly kind?: ClientKind;

  @ApiProperty({ example: 'Address service', maxLength: 200 })
  @IsString()
  readonly name!: string;
}
