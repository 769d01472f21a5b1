import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsObject,
  IsString,
  ValidateNested,
} from 'class-validator';

import { MayBeAbsent } from './validation.js';

/** A party in a request. */
export class PartyFields {
  @ApiProperty({ example: 'https://login.example' })
  @IsString()
  readonly iss!: string;

  @ApiProperty({ example: 'service-account-7' })
  @IsString()
  readonly sub!: string;
}

/** The settings of a client's exchanges; what is not named stays as it is. */
export class ExchangeFields {
  @ApiPropertyOptional({
    enum: ['delegation', 'impersonation'],
    description: 'Delegation adds the client to the chain; impersonation does not.',
  })
  @MayBeAbsent()
  @IsIn(['delegation', 'impersonation'])
  readonly mode?: 'delegation' | 'impersonation';

  @ApiPropertyOptional({
    type: [String],
    description: 'Trusted issuers whose tokens it may present.',
    example: ['https://login.example'],
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly subjectIssuers?: readonly string[];

  @ApiPropertyOptional({
    type: [String],
    description: 'Clients whose tokens it may present although they are not meant for it.',
    example: [],
  })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly presentsTokensOf?: readonly string[];

  @ApiPropertyOptional({
    type: [PartyFields],
    description: 'Its names at trusted issuers, for actor tokens.',
  })
  @MayBeAbsent()
  @IsArray()
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => PartyFields)
  readonly actorIdentities?: readonly PartyFields[];

  @ApiPropertyOptional({ minimum: 1, maximum: 16, description: 'Most actors in a chain.' })
  @MayBeAbsent()
  @IsInt()
  readonly maxDepth?: number;

  @ApiPropertyOptional({ description: 'Whether it may act again after another actor.' })
  @MayBeAbsent()
  @IsBoolean()
  readonly allowLoops?: boolean;

  @ApiPropertyOptional({ minimum: 1, maximum: 16, description: 'Most targets of one token.' })
  @MayBeAbsent()
  @IsInt()
  readonly maxTargets?: number;
}
