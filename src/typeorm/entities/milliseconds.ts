import type { ValueTransformer } from 'typeorm';

/** Milliseconds since the epoch in a `bigint` column, which the driver reads as a string. */
export const milliseconds: ValueTransformer = {
  to: (time: number | null | undefined) => time,
  from: (time: string | number | null) => (time === null ? null : Number(time)),
};
