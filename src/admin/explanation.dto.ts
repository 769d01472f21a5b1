import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsObject,
  IsString,
  Length,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';

import { TokenType } from '../oauth/token-type.js';
import { MAX_POLICIES } from './policy-plan.dto.js';
import { NamedPolicy } from './policy.dto.js';
import { MayBeAbsent } from './validation.js';

/** Seconds: how long the subject token lives when nobody says otherwise. */
export const DEFAULT_EXPIRY = 600;

const FOREIGN_TYPES = [TokenType.Jwt, TokenType.IdToken] as const;
const MAX_TIME = 10_000_000_000;
const MAX_NAME = 512;

/** Somebody who acts already, in a question. */
export class ActingParty {
  @ApiPropertyOptional({ description: 'Whose name sub is; who issued the token when absent.' })
  @MayBeAbsent()
  @Length(1, MAX_NAME)
  readonly iss?: string;

  @ApiProperty({ example: 'my_gateway' })
  @Length(1, MAX_NAME)
  readonly sub!: string;

  @ApiPropertyOptional({ example: 'my_gateway' })
  @MayBeAbsent()
  @Length(1, MAX_NAME)
  readonly clientId?: string;
}

/** The subject token that would be presented, in a question. */
export class ImaginedToken {
  @ApiPropertyOptional({
    example: 'https://login.example',
    description: 'Who issued it; this server when absent.',
  })
  @MayBeAbsent()
  @Length(1, MAX_NAME)
  readonly issuer?: string;

  @ApiPropertyOptional({
    enum: FOREIGN_TYPES,
    description:
      'As what a token of another issuer is presented; the first kind that is accepted of it when absent.',
  })
  @MayBeAbsent()
  @IsIn(FOREIGN_TYPES)
  readonly type?: (typeof FOREIGN_TYPES)[number];

  @ApiProperty({ example: '0a4cbb39-5d5e-4c0f-9b7e-3c5b6a1d2e3f' })
  @Length(1, MAX_NAME)
  readonly sub!: string;

  @ApiPropertyOptional({ example: 'web_app', description: 'The application it was issued to.' })
  @MayBeAbsent()
  @Length(1, MAX_NAME)
  readonly clientId?: string;

  @ApiPropertyOptional({
    type: [String],
    description: 'Whom it is meant for; the actor when absent.',
    example: ['address_service'],
  })
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(50)
  @IsString({ each: true })
  readonly audience?: readonly string[];

  @ApiPropertyOptional({
    type: [String],
    example: ['address:read'],
    description: 'What it says that it holds; when absent, it says nothing.',
  })
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(500)
  @IsString({ each: true })
  readonly scope?: readonly string[];

  @ApiPropertyOptional({
    type: [String],
    description: 'Groups of the subject; those of its account when absent.',
    example: ['staff'],
  })
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(500)
  @IsString({ each: true })
  readonly groups?: readonly string[];

  @ApiPropertyOptional({ example: '1', description: 'How the subject signed in.' })
  @MayBeAbsent()
  @IsString()
  readonly acr?: string;

  @ApiPropertyOptional({ description: 'When it signed in. Seconds since the epoch.' })
  @MayBeAbsent()
  @IsInt()
  @Min(0)
  @Max(MAX_TIME)
  readonly authTime?: number;

  @ApiPropertyOptional({
    minimum: 1,
    maximum: 86_400,
    default: DEFAULT_EXPIRY,
    description: 'Seconds that it still lives.',
  })
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(86_400)
  readonly expiresIn?: number;

  @ApiPropertyOptional({ type: [ActingParty], description: 'Who acts already, newest first.' })
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(32)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => ActingParty)
  readonly actors?: readonly ActingParty[];
}

/** An exchange that is only thought of. */
export class Question {
  @ApiProperty({ example: 'address_service', description: 'The client that would ask.' })
  @IsString()
  readonly actor!: string;

  @ApiPropertyOptional({
    default: false,
    description: 'Whether it would present a token of its own as actor token.',
  })
  @MayBeAbsent()
  @IsBoolean()
  readonly actorToken?: boolean;

  @ApiPropertyOptional({
    default: false,
    description: 'Whether it would prove to have the key that the tokens are bound to.',
  })
  @MayBeAbsent()
  @IsBoolean()
  readonly proven?: boolean;

  @ApiProperty({ type: ImaginedToken })
  @IsObject()
  @ValidateNested()
  @Type(() => ImaginedToken)
  readonly subject!: ImaginedToken;

  @ApiProperty({
    type: [String],
    description: 'What it would ask for; its default target when empty.',
    example: ['postal_service'],
  })
  @IsArray()
  @ArrayMaxSize(50)
  @IsString({ each: true })
  readonly targets!: readonly string[];

  @ApiPropertyOptional({
    type: [String],
    description: 'The scope it would ask for; everything it may have when absent.',
    example: ['address:read'],
  })
  @MayBeAbsent()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(500)
  @IsString({ each: true })
  readonly scope?: readonly string[];

  @ApiPropertyOptional({ example: 'parcel 4711', maxLength: 200 })
  @MayBeAbsent()
  @Length(1, 200)
  readonly purpose?: string;

  @ApiPropertyOptional({
    type: [NamedPolicy],
    description:
      'Policies that take the place of the stored ones with their names, for this answer.',
  })
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(MAX_POLICIES)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => NamedPolicy)
  readonly draft?: readonly NamedPolicy[];
}
