import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, Max, Min } from 'class-validator';

import { LATEST, NOT_A_TIME, Time } from './audit-query.dto.js';
import { isoTime } from './iso-time.js';
import { WantedPolicies } from './policy-plan.dto.js';
import type { Changed, Simulation } from './policy-simulation.js';
import { MayBeAbsent } from './validation.js';

/** Policies, and the time whose attempts are replayed against them. */
export class SimulatedPolicies extends WantedPolicies {
  @ApiPropertyOptional({ type: String, example: '2026-01-01', description: 'From this time on.' })
  @Time()
  @MayBeAbsent()
  @IsInt(NOT_A_TIME)
  @Min(0)
  @Max(LATEST)
  readonly from?: number;

  @ApiPropertyOptional({ type: String, example: '2026-02-01', description: 'Before this time.' })
  @Time()
  @MayBeAbsent()
  @IsInt(NOT_A_TIME)
  @Min(0)
  @Max(LATEST)
  readonly until?: number;
}

/** An attempt whose verdict would be another. */
export class ChangedVerdictView {
  @ApiProperty({ format: 'uuid' })
  readonly recordId!: string;

  @ApiProperty({ description: 'The path of its record.' })
  readonly href!: string;

  @ApiProperty({ format: 'date-time' })
  readonly time!: string;

  @ApiProperty({ description: 'The client that asked.' })
  readonly client!: string;

  @ApiProperty({ example: 'granted', description: 'What was decided: granted, or why not.' })
  readonly was!: string;

  @ApiProperty({ example: 'policy_denied', description: 'What would be decided.' })
  readonly would!: string;

  @ApiProperty({ example: 'postal-for-alice' })
  readonly policy!: string;

  @ApiProperty({ example: '2' })
  readonly version!: string;

  @ApiProperty({ example: 'scope' })
  readonly rule!: string;
}

/** Attempts of one kind. */
export class ChangedView {
  @ApiProperty()
  readonly count!: number;

  @ApiProperty({ type: [ChangedVerdictView], description: 'The newest hundred.' })
  readonly newest!: readonly ChangedVerdictView[];
}

/** How the attempts of a time would fare. */
export class SimulationView {
  @ApiProperty({ description: 'Attempts at an exchange in that time.' })
  readonly examined!: number;

  @ApiProperty({
    description: 'Those that the policies decided and whose parties are still known.',
  })
  readonly replayed!: number;

  @ApiProperty()
  readonly unchanged!: number;

  @ApiProperty({ type: ChangedView })
  readonly nowRefused!: ChangedView;

  @ApiProperty({ type: ChangedView })
  readonly nowGranted!: ChangedView;

  @ApiProperty({ type: ChangedView, description: 'Granted as before, with less scope.' })
  readonly narrowed!: ChangedView;

  @ApiProperty({
    description:
      'Whether there were more attempts than it had time for: older ones were not looked at.',
  })
  readonly isCut!: boolean;
}

/** A simulation as it is shown. */
export function viewSimulation(simulation: Simulation): SimulationView {
  const { nowRefused, nowGranted, narrowed } = simulation;
  return {
    ...simulation,
    nowRefused: viewChanged(nowRefused),
    nowGranted: viewChanged(nowGranted),
    narrowed: viewChanged(narrowed),
  };
}

function viewChanged({ count, newest }: Changed): ChangedView {
  return {
    count,
    newest: newest.map(({ recordId, time, client, was, would, basis }) => ({
      recordId,
      href: `/admin/audit/records/${recordId}`,
      time: isoTime(time),
      client,
      was,
      would,
      ...basis,
    })),
  };
}
