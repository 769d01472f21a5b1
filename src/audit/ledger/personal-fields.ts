import type { Json, JsonObject } from '../../oauth/claims.js';
import { isUuid } from '../../delegation/token-id.js';
import { isJsonObject } from '../../oauth/claims.js';
import type { AuditRecord, RecordedParty } from '../audit-record.js';

/** A value that was taken out of a record, with the names and numbers that lead to its place. */
export type PersonalField = readonly [path: readonly (string | number)[], value: Json];

/** Whom fields are about: a person; null when nobody knows, as for the address of a stranger. */
export type FieldOwner = Pick<RecordedParty, 'iss' | 'sub'> | null;

/** The fields of a record that are about the same person. */
export interface PersonalPart {
  readonly owner: FieldOwner;
  readonly fields: readonly PersonalField[];
}

/** A record taken apart. */
export interface TakenApart {
  /** What everybody may read for ever: it names no person. */
  readonly clear: JsonObject;
  readonly parts: readonly PersonalPart[];
}

/** The `iss` of a party whose name was destroyed; its `sub` is the id of the key that is gone. */
export const ERASED = 'urn:nest-token-exchange:erased';

/** The fields that name no person. Every other one is personal, also those that nobody knows yet. */
const CLEAR = new Set<string>([
  'id',
  'schema',
  'time',
  'event',
  'outcome',
  'reason',
  'error',
  'requestId',
  'traceId',
  'grantType',
  'client',
  'chainId',
  'parentId',
  'mode',
  'authorizationId',
  'authentication',
  'basis',
  'erasure',
  'read',
  'retired',
] satisfies (keyof AuditRecord)[]);
const PARTIES = new Set<string>(['subject', 'actor'] satisfies (keyof AuditRecord)[]);
const PARTY_LISTS = new Set<string>([
  'inboundActors',
  'actors',
  'whose',
] satisfies (keyof AuditRecord)[]);
/** Objects of which only the named fields name no person. */
const CLEAR_WITHIN: Readonly<Record<string, ReadonlySet<string>>> = {
  requested: new Set(['scope', 'resource', 'audience', 'tokenType']),
  operation: new Set(['name', 'fields']),
  ...Object.fromEntries(
    ['subjectToken', 'actorToken', 'issuedToken'].map((name) => [
      name,
      new Set(
        'hash type issuer jti clientId audience scope expiresAt acr authTime lineage'.split(' '),
      ),
    ]),
  ),
};
/** Administration whose target is a thing and no person. */
const THINGS = /^[A-Z]+ \/admin\/(?:clients|keys|policies|sinks|trusted-issuers)(?:\/|$)/;
const PEOPLE = /^[A-Z]+ \/admin\/(?:accounts|people)(?:\/|$)/;
const ACT_CLAIMS = new Set(['iss', 'sub', 'client_id', 'act']);

/**
 * Takes whatever names a person out of a record, by lists of what does not: in doubt a field is
 * personal. A party is no person when it is a client of this server.
 * @param issuer of this server; undefined when it is not known, and then every party is a person
 */
export function takeApart(record: AuditRecord, issuer: string | undefined): TakenApart {
  return new Dissection(record, issuer).result;
}

/**
 * Puts a record together again. A part that cannot be read leaves its fields out, and of its parties
 * the mark that they were there.
 * @param parts the fields of each part; undefined for one that cannot be read any more
 * @param keys the id of each part's key; null for one that is not about a person
 */
export function putTogether(
  clear: JsonObject,
  parts: readonly (readonly PersonalField[] | undefined)[],
  keys: readonly (string | null)[],
): AuditRecord {
  const whole: Record<string, Json> = { ...clear };
  const fieldsOf = (isOpen: boolean): readonly PersonalField[] =>
    parts.flatMap((fields = [], at) => ((keys[at] === null) === isOpen ? fields : []));
  // First what only was too long: it holds marks itself.
  for (const [path, value] of fieldsOf(true)) put(whole, path, value);
  const record = restore(whole, keys);
  for (const [path, value] of fieldsOf(false)) put(record, path, value);
  return record as unknown as AuditRecord;
}

/**
 * Whether a party is a person, or may be one: everybody but the clients of this server, and those of
 * whom nothing is left but the id of a key.
 */
export function isPerson(
  { iss, sub, clientId }: RecordedParty,
  issuer: string | undefined,
): boolean {
  if (iss === ERASED && isUuid(sub)) return false;
  return issuer === undefined || iss !== issuer || clientId !== sub;
}

class Dissection {
  readonly #parts: { owner: FieldOwner; fields: PersonalField[] }[] = [];
  readonly #issuer: string | undefined;
  readonly result: TakenApart;

  constructor(record: AuditRecord, issuer: string | undefined) {
    this.#issuer = issuer;
    const parties = [record.subject, record.actor, ...(record.actors ?? [])];
    // What names no person by itself is about the one whom the record is about.
    const main = parties.find((party) => party !== undefined && this.#isPerson(party)) ?? null;
    const clear: Record<string, Json> = {};
    const fields = record as unknown as Readonly<Record<string, Json | undefined>>;
    for (const name of Object.keys(fields)) {
      const value = fields[name];
      if (value === undefined) continue;
      const kept = this.#field(record, name, value, main);
      if (kept !== undefined) clear[name] = kept;
    }
    this.result = { clear, parts: this.#parts };
  }

  #field(record: AuditRecord, name: string, value: Json, main: FieldOwner): Json | undefined {
    if (CLEAR.has(name)) return value;
    if (PARTIES.has(name)) return this.#party([name], value);
    if (PARTY_LISTS.has(name) && Array.isArray(value))
      return value.map((party, at) => this.#party([name, at], party) ?? null);
    if (name === 'act') return this.#isClearAct(value) ? value : this.#act([name], value, main);
    if (name === 'revocation') return this.#revocation(value, main);
    const within = CLEAR_WITHIN[name];
    if (within !== undefined && isJsonObject(value)) {
      const names = Object.keys(value);
      // Nearly always: then it stays as it is, without a copy.
      if (names.every((inner) => within.has(inner))) return value;
      const clear: Record<string, Json> = {};
      for (const inner of names) {
        const each = value[inner];
        if (each === undefined) continue;
        const kept = within.has(inner) ? each : this.#inner(record, [name, inner], each, main);
        if (kept !== undefined) clear[inner] = kept;
      }
      return clear;
    }
    this.#take(main, [name], value);
    return undefined;
  }

  #inner(
    { operation }: AuditRecord,
    path: readonly [string, string],
    value: Json,
    main: FieldOwner,
  ): Json | undefined {
    if (path[1] === 'mayAct') return this.#party(path, value);
    if (path[0] === 'operation' && path[1] === 'target' && typeof value === 'string') {
      if (THINGS.test(operation?.name ?? '')) return value;
      const [sub = ''] = value.split('/');
      const isPerson = PEOPLE.test(operation?.name ?? '') && this.#issuer !== undefined;
      this.#take(isPerson ? { iss: this.#issuer ?? '', sub } : main, path, value);
      return undefined;
    }
    this.#take(main, path, value);
    return undefined;
  }

  /** A client stays as it is; for a person there stays the number of the part that names them. */
  #party(path: PersonalField[0], value: Json): Json {
    if (!isParty(value) || !this.#isPerson(value)) return value;
    return { sealed: this.#take(value, path, value) };
  }

  #isPerson(party: RecordedParty): boolean {
    return isPerson(party, this.#issuer);
  }

  /** Actor by actor: what the claim says of one is theirs, and those within stay in their places. */
  #act(path: PersonalField[0], value: Json, main: FieldOwner): Json | undefined {
    if (!isParty(value)) {
      this.#take(main, path, value);
      return undefined;
    }
    const { act: inner, ...own } = value as JsonObject & RecordedParty;
    const owner = { iss: own.iss, sub: own.sub };
    const isClient = this.#isClientOfOurs(own);
    const isClear = isClient && Object.keys(own).every((name) => ACT_CLAIMS.has(name));
    const kept = isClear ? own : { sealed: this.#take(isClient ? main : owner, path, own) };
    const within = inner === undefined ? undefined : this.#act([...path, 'act'], inner, main);
    return within === undefined ? kept : { ...kept, act: within };
  }

  /** Whether every actor of the claim is a client of this server, and nothing else is said of it. */
  #isClearAct(value: Json | undefined): boolean {
    if (value === undefined) return true;
    return (
      isParty(value) &&
      this.#isClientOfOurs(value as JsonObject & RecordedParty) &&
      Object.keys(value).every((name) => ACT_CLAIMS.has(name)) &&
      this.#isClearAct((value as JsonObject)['act'])
    );
  }

  #isClientOfOurs(own: JsonObject & RecordedParty): boolean {
    return own.iss === this.#issuer && own['client_id'] === own.sub;
  }

  /** Who is named by it is not who revoked. */
  #revocation(value: Json, main: FieldOwner): Json | undefined {
    const names = isJsonObject(value) ? value['names'] : undefined;
    if (!isJsonObject(value) || names === undefined || !isParty(names)) {
      this.#take(main, ['revocation'], value);
      return undefined;
    }
    const { names: _, ...clear } = value;
    this.#take({ iss: names.iss, sub: names.sub }, ['revocation', 'names'], names);
    return clear;
  }

  /** @returns the number of the part that has it now */
  #take(owner: FieldOwner, path: PersonalField[0], value: Json): number {
    const field: PersonalField = [path, value];
    const found = this.#parts.findIndex(
      (part) => part.owner?.iss === owner?.iss && part.owner?.sub === owner?.sub,
    );
    this.#parts[found]?.fields.push(field);
    if (found >= 0) return found;
    const kept = owner && { iss: owner.iss, sub: owner.sub };
    return this.#parts.push({ owner: kept, fields: [field] }) - 1;
  }
}

function isParty(value: Json): value is Json & RecordedParty {
  return (
    isJsonObject(value) && typeof value['iss'] === 'string' && typeof value['sub'] === 'string'
  );
}

/** A copy that may be changed, with a party of no name for each mark. */
function restore(value: JsonObject, keys: readonly (string | null)[]): Record<string, Json> {
  const copy: Record<string, Json> = {};
  for (const [name, each] of Object.entries(value)) {
    if (Array.isArray(each)) copy[name] = each.map((item) => unmarked(item, keys));
    else if (name === 'act') copy[name] = unmarkedAct(each, keys);
    else if (isJsonObject(each)) {
      const unmark = unmarked(each, keys);
      copy[name] = unmark === each ? { ...each } : unmark;
      const mayAct = each['mayAct'];
      if (mayAct !== undefined) copy[name] = { ...each, mayAct: unmarked(mayAct, keys) };
    } else copy[name] = each;
  }
  return copy;
}

function unmarked(value: Json, keys: readonly (string | null)[]): Json {
  if (!isJsonObject(value) || typeof value['sealed'] !== 'number') return value;
  return { iss: ERASED, sub: keys[value['sealed']] ?? '' };
}

function unmarkedAct(value: Json, keys: readonly (string | null)[]): Json {
  if (!isJsonObject(value)) return value;
  const { act, ...own } = value;
  const party = unmarked(own, keys);
  return act === undefined || !isJsonObject(party)
    ? party
    : { ...party, act: unmarkedAct(act, keys) };
}

function put(target: Record<string, Json>, path: PersonalField[0], value: Json): void {
  const [name = '', ...inner] = path;
  target[name] = placed(target[name], inner, value, name === 'act');
}

/** What stands at a place once the value was put there, or into it. */
function placed(
  there: Json | undefined,
  [name, ...inner]: PersonalField[0],
  value: Json,
  isAct: boolean,
): Json {
  if (name === undefined) {
    const within = isAct && isJsonObject(there) ? there['act'] : undefined;
    // The actors within were put there by themselves.
    return isJsonObject(value) && within !== undefined ? { act: within, ...value } : value;
  }
  if (Array.isArray(there) && typeof name === 'number')
    return there.with(name, placed(there[name], inner, value, false));
  const object = isJsonObject(there) ? there : {};
  return { ...object, [name]: placed(object[name], inner, value, isAct) };
}
