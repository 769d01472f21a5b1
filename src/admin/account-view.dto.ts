import { ApiProperty } from '@nestjs/swagger';

import { ACCOUNT_ROLES, type Account, type AccountRole } from '../accounts/account.js';
import type { Session } from '../accounts/session.js';
import type { JsonObject } from '../oauth/claims.js';
import { isoTime } from './iso-time.js';

/** What an administrator may know of a password: never the password, never its hash. */
export class PasswordView {
  @ApiProperty({ format: 'date-time' })
  readonly changedAt!: string;

  @ApiProperty({ description: 'Whether the person must choose another one at the next sign-in.' })
  readonly mustChange!: boolean;
}

/** A password that was just made up: the only answer that ever shows it. */
export class NewPasswordView {
  @ApiProperty({
    format: 'password',
    description: 'Hand it over safely: it is not shown again, and must be changed.',
  })
  readonly password!: string;
}

/** An account as an administrator sees it. */
export class AccountView {
  @ApiProperty({ format: 'uuid', description: 'The sub of its tokens.' })
  readonly accountId!: string;

  @ApiProperty({ example: 'alice' })
  readonly username!: string;

  @ApiProperty({ example: 'Alice Liddell' })
  readonly name!: string;

  @ApiProperty({ type: String, nullable: true, example: 'alice@example.com' })
  readonly email!: string | null;

  @ApiProperty()
  readonly emailVerified!: boolean;

  @ApiProperty({ type: String, nullable: true, example: 'de-CH' })
  readonly locale!: string | null;

  @ApiProperty({ type: Object, example: { department: 'sales' } })
  readonly claims!: JsonObject;

  @ApiProperty({ type: [String], example: ['staff'] })
  readonly groups!: readonly string[];

  @ApiProperty({ isArray: true, enum: ACCOUNT_ROLES })
  readonly roles!: readonly AccountRole[];

  @ApiProperty({ description: 'A disabled account cannot sign in, and has no sessions.' })
  readonly disabled!: boolean;

  @ApiProperty({ type: PasswordView, nullable: true })
  readonly password!: PasswordView | null;

  @ApiProperty({ format: 'date-time' })
  readonly createdAt!: string;

  @ApiProperty({ format: 'date-time' })
  readonly updatedAt!: string;

  @ApiProperty({ example: 1, description: 'Counts the changes; the ETag is this number.' })
  readonly version!: number;
}

/** A page of accounts. */
export class AccountPage {
  @ApiProperty({ type: [AccountView] })
  readonly items!: readonly AccountView[];

  @ApiProperty({ type: String, nullable: true, description: 'The cursor of the next page.' })
  readonly next!: string | null;
}

/** A sign-in session as an administrator sees it: nothing of it lets anybody in. */
export class SessionView {
  @ApiProperty({ format: 'uuid', description: 'The sid of tokens that come of it.' })
  readonly sid!: string;

  @ApiProperty({ format: 'date-time', description: 'When the person last proved who they are.' })
  readonly authTime!: string;

  @ApiProperty({ example: 'urn:example:password' })
  readonly acr!: string;

  @ApiProperty({ type: [String], example: ['pwd'] })
  readonly amr!: readonly string[];

  @ApiProperty({ format: 'date-time' })
  readonly createdAt!: string;

  @ApiProperty({ format: 'date-time', description: 'Exact to a minute.' })
  readonly lastSeenAt!: string;

  @ApiProperty({ format: 'date-time' })
  readonly expiresAt!: string;

  @ApiProperty({ type: String, nullable: true, example: '192.0.2.7' })
  readonly address!: string | null;

  @ApiProperty({ type: String, nullable: true, example: 'Mozilla/5.0' })
  readonly userAgent!: string | null;

  @ApiProperty({ type: [String], example: ['web_app'] })
  readonly clients!: readonly string[];
}

/** The sessions of an account. */
export class SessionList {
  @ApiProperty({ type: [SessionView], description: 'Newest first, at most 200.' })
  readonly items!: readonly SessionView[];
}

/** Field by field, by name: what is not listed cannot leak. */
export function viewAccount(account: Account): AccountView {
  const { password } = account;
  return {
    accountId: account.accountId,
    username: account.username,
    name: account.name,
    email: account.email,
    emailVerified: account.emailVerified,
    locale: account.locale,
    claims: account.claims,
    groups: account.groups,
    roles: account.roles,
    disabled: account.disabled,
    password: password && {
      changedAt: isoTime(password.changedAt),
      mustChange: password.mustChange,
    },
    createdAt: isoTime(account.createdAt),
    updatedAt: isoTime(account.updatedAt),
    version: account.version,
  };
}

/** Field by field, by name: what is not listed cannot leak. */
export function viewSession(session: Session): SessionView {
  return {
    sid: session.sid,
    authTime: isoTime(session.authTime),
    acr: session.acr,
    amr: session.amr,
    createdAt: isoTime(session.createdAt),
    lastSeenAt: isoTime(session.lastSeenAt),
    expiresAt: isoTime(session.expiresAt),
    address: session.address,
    userAgent: session.userAgent,
    clients: session.clients,
  };
}
