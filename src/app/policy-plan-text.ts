import { z } from 'zod';

import { POLICY_CHANGES } from '../admin/policy-plan.dto.js';
import { visible } from './visible-text.js';

/** A plan as the admin API tells it. */
export const PLAN = z.object({
  changes: z.array(
    z.object({
      policyId: z.string(),
      change: z.enum(POLICY_CHANGES),
      fields: z.array(z.object({ field: z.string(), from: z.json(), to: z.json() })),
    }),
  ),
  digest: z.string(),
});

type Plan = z.infer<typeof PLAN>;
type Field = Plan['changes'][number]['fields'][number];

const SIGNS = { create: '+', update: '~', delete: '-', none: '=' } as const;

/** How many policies a plan would write. */
export function sizeOf({ changes }: Plan): number {
  return changes.filter(({ change }) => change !== 'none').length;
}

/** A plan for a person to read: a line for each policy, and one below it for each field. */
export function planText({ changes }: Plan): string {
  const lines = changes.flatMap(({ policyId, change, fields }) => [
    `${SIGNS[change]} ${visible(policyId)}`,
    ...fields.map((field) => `    ${fieldText(field, change)}`),
  ]);
  const count = (name: string): number => changes.filter(({ change }) => change === name).length;
  const sum = `${count('create')} to create, ${count('update')} to change, ${count('delete')} to delete, ${count('none')} as they are.`;
  return [...lines, sum, ''].join('\n');
}

function fieldText({ field, from, to }: Field, change: keyof typeof SIGNS): string {
  const values = change === 'create' ? valueText(to) : `${valueText(from)} -> ${valueText(to)}`;
  return `${visible(field)}: ${values}`;
}

function valueText(value: unknown): string {
  return value === null ? '(nothing)' : visible(JSON.stringify(value));
}
