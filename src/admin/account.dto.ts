import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsArray, IsBoolean, IsIn, IsObject, IsString } from 'class-validator';

import { ACCOUNT_ROLES, type AccountRole } from '../accounts/account.js';
import { MIN_PASSWORD_LENGTH } from '../accounts/password-rules.js';
import type { JsonObject } from '../oauth/claims.js';
import { MayBeAbsent, MayBeNull } from './validation.js';

/** What can be said of a person; what is not named stays as it is. */
export class AccountFields {
  @ApiPropertyOptional({ example: 'Alice Liddell', maxLength: 200 })
  @MayBeAbsent()
  @IsString()
  readonly name?: string;

  @ApiPropertyOptional({ type: String, nullable: true, example: 'alice@example.com' })
  @MayBeNull()
  @IsString()
  readonly email?: string | null;

  @ApiPropertyOptional({
    default: false,
    description: 'Whether the address is known to be theirs.',
  })
  @MayBeAbsent()
  @IsBoolean()
  readonly emailVerified?: boolean;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    example: 'de-CH',
    description: 'A language tag (BCP 47) in its canonical form.',
  })
  @MayBeNull()
  @IsString()
  readonly locale?: string | null;

  @ApiPropertyOptional({
    type: Object,
    description: 'Claims of your own, as a whole; names with a meaning of their own are refused.',
    example: { department: 'sales' },
  })
  @MayBeAbsent()
  @IsObject()
  readonly claims?: JsonObject;

  @ApiPropertyOptional({ type: [String], example: ['staff'] })
  @MayBeAbsent()
  @IsArray()
  @IsString({ each: true })
  readonly groups?: readonly string[];

  @ApiPropertyOptional({
    isArray: true,
    enum: ACCOUNT_ROLES,
    description: 'What the person may do at this API.',
    example: [],
  })
  @MayBeAbsent()
  @IsArray()
  @IsIn(ACCOUNT_ROLES, { each: true })
  readonly roles?: readonly AccountRole[];
}

/** A change of an account. Its id stays what it is, whatever the username becomes. */
export class ChangeAccount extends AccountFields {
  @ApiPropertyOptional({ example: 'alice', maxLength: 128 })
  @MayBeAbsent()
  @IsString()
  readonly username?: string;
}

/** A password that an administrator chooses for somebody. */
export class SetPassword {
  @ApiProperty({
    format: 'password',
    minLength: MIN_PASSWORD_LENGTH,
    description: 'At most 256 bytes. Common words, rows of keys and own names do not count.',
  })
  @IsString()
  readonly password!: string;
}

/** A new account. */
export class CreateAccount extends AccountFields {
  @ApiProperty({
    example: 'alice',
    maxLength: 128,
    description: 'What the person types; upper and lower case are the same.',
  })
  @IsString()
  readonly username!: string;

  @ApiPropertyOptional({
    format: 'password',
    minLength: MIN_PASSWORD_LENGTH,
    description: 'To be changed at the first sign-in. Without one nobody can sign in yet.',
  })
  @MayBeAbsent()
  @IsString()
  readonly password?: string;
}
