const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** HTML that was escaped already: templates write it as it is. */
export class Markup {
  constructor(readonly html: string) {}
}

/**
 * A value as a template writes it into an element or an attribute in quotes.
 * @throws TypeError for what is neither text, number nor markup: a template that would write it is wrong
 */
export function toHtml(value: unknown): string {
  if (value instanceof Markup) return value.html;
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'string')
    throw new TypeError('A template can write text, numbers and markup only.');
  return value.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
