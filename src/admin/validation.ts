import { ValidationPipe } from '@nestjs/common';
import { Transform } from 'class-transformer';
import { ValidateIf, type ValidationError } from 'class-validator';

import { invalidFields, type FieldProblem } from './problem.js';

const MAX_PROBLEMS = 50;

/**
 * Checks bodies and queries of the admin API against their DTOs: unknown fields are refused, types
 * are not converted but where a field says so.
 */
export function adminValidation(): ValidationPipe {
  return new ValidationPipe({
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    transform: true,
    validateCustomDecorators: true,
    transformOptions: { enableImplicitConversion: false },
    exceptionFactory: (errors) => invalidFields(problemsIn(errors, '').slice(0, MAX_PROBLEMS)),
  });
}

/** A field that may be left out; unlike `IsOptional` of class-validator, not one that may be null. */
export function MayBeAbsent(): PropertyDecorator {
  return ValidateIf((_, value) => value !== undefined);
}

/** A field that may be left out or be null. */
export function MayBeNull(): PropertyDecorator {
  return ValidateIf((_, value) => value !== undefined && value !== null);
}

/** Reads a whole number of a query; what is none becomes NaN, which the field's rule refuses. */
export function WholeNumber(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) => {
    if (value === undefined) return undefined;
    return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  });
}

function problemsIn(errors: readonly ValidationError[], parent: string): FieldProblem[] {
  return errors.flatMap((error) => {
    const field = `${parent}${error.property}`.slice(0, 100);
    const problem = firstProblem(error);
    const own = problem === undefined ? [] : [{ field, problem }];
    return [...own, ...problemsIn(error.children ?? [], `${field}.`)];
  });
}

/** One problem for each field: that its type is wrong says more than that it is out of range. */
function firstProblem({ constraints = {}, property }: ValidationError): string | undefined {
  const broken = Object.entries(constraints);
  const [rule, message] = broken.find(([name]) => name.startsWith('is')) ?? broken[0] ?? [];
  if (rule === 'whitelistValidation') return 'is not a known field';
  // Messages begin with the field's name, which is said already.
  return message?.startsWith(`${property} `) ? message.slice(property.length + 1) : message;
}
