import { readFile } from 'node:fs/promises';

import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  stringify,
  type Document,
  type Node,
} from 'yaml';

import { documentOf } from '../admin/policy-view.dto.js';
import { newPolicy } from '../delegation/policy.js';
import { isJsonObject, type Json, type JsonObject } from '../oauth/claims.js';
import { CommandMistake } from './command-mistake.js';
import { visible } from './visible-text.js';

/** What a policy says when nobody says otherwise. */
const DEFAULTS = JSON.parse(JSON.stringify(documentOf(newPolicy({ policyId: '' })))) as JsonObject;

/** What the service alone says of a policy. */
const COUNTED: ReadonlySet<string> = new Set(['version', 'writtenAt', 'writtenBy']);

/** One thing that is wrong with a file, with the field it is about. */
interface FieldProblem {
  readonly field: string;
  readonly problem: string;
}

/** A file of policies as it was read: YAML, of which JSON is a part. */
export class PolicyFile {
  private constructor(
    private readonly name: string,
    private readonly document: Document.Parsed,
    private readonly lines: LineCounter,
  ) {}

  /** @throws CommandMistake when there is no such file, or it is no list of policies */
  static async read(name: string): Promise<PolicyFile> {
    const lines = new LineCounter();
    const document = parseDocument(await textOf(name), { lineCounter: lines, prettyErrors: false });
    const file = new PolicyFile(name, document, lines);
    const mistakes = [...document.errors, ...document.warnings].map(({ pos, message }) =>
      file.#at(pos[0], message),
    );
    if (mistakes.length > 0) throw new CommandMistake(mistakes.join('\n'));
    const { contents } = document;
    const start = contents?.range[0] ?? 0;
    if (!isMap(contents) || !isSeq(contents.get('policies', true)))
      throw new CommandMistake(file.#at(start, 'must be an object with the list "policies"'));
    const unknown = contents.items.map(({ key }) => key).find((key) => keyOf(key) !== 'policies');
    if (unknown !== undefined) {
      const mistake = `${keyOf(unknown)} is not a known field`;
      throw new CommandMistake(file.#at(startOf(unknown) ?? start, mistake));
    }
    return file;
  }

  /** The policies as they are said. */
  get policies(): Json {
    try {
      const { policies = [] } = this.document.toJS({ maxAliasCount: 100 }) as { policies?: Json };
      return policies;
    } catch {
      throw new CommandMistake(this.#at(0, 'has aliases that lead to too much'));
    }
  }

  /** Says where in the file each problem is: the deepest part of the named field that is there. */
  explain(problems: readonly FieldProblem[]): string {
    return problems
      .map(({ field, problem }) => ({ offset: this.#find(field.split('.')), field, problem }))
      .toSorted((one, other) => one.offset - other.offset)
      .map(({ offset, field, problem }) => this.#at(offset, `${field} ${problem}`))
      .join('\n');
  }

  #find(path: readonly string[]): number {
    let node: Node | null | undefined = this.document.contents;
    let offset = startOf(node) ?? 0;
    for (const name of path) {
      if (isAlias(node)) node = node.resolve(this.document);
      const [key, value] = partOf(node, name);
      offset = startOf(key) ?? startOf(value) ?? offset;
      node = value;
    }
    return offset;
  }

  #at(offset: number, what: string): string {
    const { line, col } = this.lines.linePos(offset);
    return `${this.name}:${Math.max(line, 1)}:${Math.max(col, 1)}: ${visible(what)}`;
  }
}

/** The text of a file that says these policies, without what is the default. */
export function policyFileText(policies: readonly JsonObject[]): string {
  const said = policies.map((policy) => {
    const document = Object.entries(policy).filter(([name]) => !COUNTED.has(name));
    return withoutDefaults(Object.fromEntries(document), DEFAULTS);
  });
  // Quoted also where only readers of YAML 1.1 would take a text for something else.
  return stringify({ policies: said }, { aliasDuplicateObjects: false, compat: 'yaml-1.1' });
}

function withoutDefaults(document: JsonObject, defaults: JsonObject): JsonObject {
  const parts = Object.entries(document).flatMap(([name, value]): [string, Json][] => {
    const usual = defaults[name];
    if (JSON.stringify(value) === JSON.stringify(usual)) return [];
    if (!isJsonObject(value) || !isJsonObject(usual)) return [[name, value]];
    return [[name, withoutDefaults(value, usual)]];
  });
  return Object.fromEntries(parts);
}

async function textOf(name: string): Promise<string> {
  try {
    return await readFile(name, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new CommandMistake(`There is no file ${name}.`, { cause: error });
    throw new CommandMistake(`The file ${name} cannot be read: ${code ?? 'unknown'}.`, {
      cause: error,
    });
  }
}

/** The key and the value of a field, or an entry of a list; nothing where there is none. */
function partOf(
  node: Node | null | undefined,
  name: string,
): readonly [unknown, Node | null | undefined] {
  if (isMap(node)) {
    const pair = node.items.find(({ key }) => keyOf(key) === name);
    return [pair?.key, pair?.value as Node | null | undefined];
  }
  if (isSeq(node)) return [undefined, node.items[Number(name)] as Node | null | undefined];
  return [undefined, undefined];
}

function keyOf(key: unknown): string {
  return isScalar(key) ? String(key.value) : '';
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
