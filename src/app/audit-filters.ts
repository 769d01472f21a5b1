import { CommandMistake } from './command-mistake.js';

/** Words that are filters of the search. */
const FILTERS = ['subject', 'actor', 'event', 'outcome', 'from', 'until'] as const;

/** The options of an export in another form than the log's own. */
export const FILTER_OPTIONS = {
  format: { type: 'string' },
  subject: { type: 'string' },
  actor: { type: 'string' },
  event: { type: 'string' },
  outcome: { type: 'string' },
  from: { type: 'string' },
  until: { type: 'string' },
  where: { type: 'string', multiple: true },
} as const;

type FilterWords = Readonly<
  Partial<Record<(typeof FILTERS)[number] | 'format' | 'chain', string | undefined>>
> & { readonly where?: readonly string[] | undefined };

/**
 * The query of an export in another form than the log's own; undefined without `--format`.
 * @throws CommandMistake for a filter that would be overlooked
 */
export function filtersOf(words: FilterWords): URLSearchParams | undefined {
  const named = FILTERS.flatMap((name) => {
    const value = words[name];
    return value === undefined ? [] : [pair(name, value)];
  });
  const others = (words.where ?? []).map((text) => {
    const at = text.indexOf('=');
    if (at < 1) throw new CommandMistake('Write --where as NAME=VALUE.');
    return pair(text.slice(0, at), text.slice(at + 1));
  });
  if (words.format === undefined) {
    if (named.length + others.length > 0)
      throw new CommandMistake('Filters need --format: jsonl, csv, cloudevents or ocsf.');
    return undefined;
  }
  const chain = words.chain === undefined ? [] : [pair('chainId', words.chain)];
  return new URLSearchParams([pair('format', words.format), ...chain, ...named, ...others]);
}

function pair(name: string, value: string): [string, string] {
  return [name, value];
}
