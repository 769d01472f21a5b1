import { readFileSync } from 'node:fs';

interface Attribute {
  readonly type: string;
  readonly list?: true;
  readonly required?: true;
  readonly values?: readonly number[];
}

interface Shape {
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly at_least_one?: readonly string[];
  readonly just_one?: readonly string[];
}

interface Schema {
  readonly version: string;
  readonly classes: Readonly<Record<string, Shape & { readonly caption: string }>>;
  readonly objects: Readonly<Record<string, Shape>>;
}

/** The attributes of the classes and objects of OCSF 1.7.0 that are used: their types, values and rules. */
export const OCSF = JSON.parse(
  readFileSync(new URL('ocsf-1.7.0.json', import.meta.url), 'utf8'),
) as Schema;

/** What of an event is not as OCSF has it; empty when nothing is. */
export function ocsfProblems(event: unknown): readonly string[] {
  const { class_uid: uid, activity_id: activity, type_uid: type } = event as Record<string, number>;
  const shape = OCSF.classes[uid ?? 0];
  if (shape === undefined) return [`there is no class ${uid}`];
  const problems = problemsIn(event, shape, '');
  if (type !== uid! * 100 + activity!) problems.push('type_uid is not made of class and activity');
  return problems;
}

function problemsIn(value: unknown, shape: Shape, path: string): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [`${path} is no object`];
  const fields = value as Readonly<Record<string, unknown>>;
  const has = (name: string): boolean => fields[name] !== undefined;
  const problems = Object.entries(fields).flatMap(([name, each]) => {
    const attribute = shape.attributes[name];
    if (attribute === undefined) return [`${path}${name} is not known`];
    return attribute.list
      ? Array.isArray(each)
        ? each.flatMap((item) => ofType(item, attribute, `${path}${name}.`))
        : [`${path}${name} is no list`]
      : ofType(each, attribute, `${path}${name}.`);
  });
  for (const [name, { required }] of Object.entries(shape.attributes))
    if (required && !has(name)) problems.push(`${path}${name} is missing`);
  if (shape.at_least_one && !shape.at_least_one.some(has))
    problems.push(`${path} needs one of ${shape.at_least_one.join(', ')}`);
  if (shape.just_one && shape.just_one.filter(has).length !== 1)
    problems.push(`${path} needs just one of ${shape.just_one.join(', ')}`);
  return problems;
}

function ofType(value: unknown, { type, values }: Attribute, path: string): string[] {
  const name = path.slice(0, -1);
  if (type === 'object') return typeof value === 'object' ? [] : [`${name} is no object`];
  if (!type.endsWith('_t')) {
    const shape = OCSF.objects[type];
    return shape ? problemsIn(value, shape, path) : [`${name} has the unknown type ${type}`];
  }
  const isNumber = ['integer_t', 'long_t', 'timestamp_t', 'port_t'].includes(type);
  const isRight = isNumber ? Number.isSafeInteger(value) : typeof value === typeOf(type);
  if (!isRight) return [`${name} is no ${type}`];
  return values && !values.includes(Number(value)) ? [`${name} cannot be ${Number(value)}`] : [];
}

function typeOf(type: string): string {
  return type === 'boolean_t' ? 'boolean' : 'string';
}
