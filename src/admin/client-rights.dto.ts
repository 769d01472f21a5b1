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

/** What a client may do as an actor, and why. */
export class ClientRights {
  @ApiProperty({ example: 'address_service' })
  readonly clientId!: string;

  @ApiProperty({ type: [String], example: ['frontends'] })
  readonly groups!: readonly string[];

  @ApiProperty({ type: [RightView], description: 'In ascending order of the ids.' })
  readonly items!: readonly RightView[];
}
