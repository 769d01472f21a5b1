import { ApiProperty } from '@nestjs/swagger';

import { PolicyDocument } from './policy-view.dto.js';

/** A policy that speaks of a client as an actor. */
export class RightView extends PolicyDocument {
  @ApiProperty({ example: 1 })
  readonly version!: number;

  @ApiProperty({ description: 'Whether it is made of the own settings of the client.' })
  readonly derived!: boolean;

  @ApiProperty({
    type: [String],
    example: [],
    description: 'Targets of its own settings for which a stored policy counts instead.',
  })
  readonly takenOver!: readonly string[];
}

/** What the settings of another issuer say of tokens that a client may present. */
export class IssuerRightsView {
  @ApiProperty({ example: 'https://login.example' })
  readonly issuer!: string;

  @ApiProperty({
    enum: ['trusted', 'disabled', 'unknown'],
    description: 'Of an issuer that is not `trusted` every token is refused.',
  })
  readonly standing!: 'trusted' | 'disabled' | 'unknown';

  @ApiProperty({
    type: Number,
    nullable: true,
    example: 1,
    description: 'As records name it, with the policy `issuer-settings`; null of an unknown one.',
  })
  readonly version!: number | null;

  @ApiProperty({ description: 'Whether the actors that its tokens tell of are believed.' })
  readonly trustsChains!: boolean;

  @ApiProperty({
    type: [String],
    example: ['address:read'],
    description: 'Scope values that its tokens can bring.',
  })
  readonly scopes!: readonly string[];

  @ApiProperty({ type: [String], example: [], description: 'What a token brings that says none.' })
  readonly impliedScopes!: readonly string[];
}

/** What a client may do as an actor, and why. */
export class ClientRights {
  @ApiProperty({ example: 'address_service' })
  readonly clientId!: string;

  @ApiProperty({ type: [String], example: ['frontends'] })
  readonly groups!: readonly string[];

  @ApiProperty({ type: [RightView], description: 'In ascending order of the ids.' })
  readonly items!: readonly RightView[];

  @ApiProperty({
    type: [IssuerRightsView],
    description:
      'What the settings of the issuers say that these name, whatever a policy says; in ascending order.',
  })
  readonly issuers!: readonly IssuerRightsView[];
}
