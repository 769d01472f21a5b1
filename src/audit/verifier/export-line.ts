/** A part of a record that its leaf commits to, or why it is not there. */
export type ExportedPart = { readonly salt: string; readonly text: string } | 'erased' | 'damaged';

/** A line of an export, which is JSON Lines. */
export type ExportLine =
  | { readonly type: 'checkpoint'; readonly note: string }
  /** How many records, the oldest, are kept no more; their tiles are. */
  | { readonly type: 'retired'; readonly records: number }
  /** The hashes of the leaves from 256 times `index` on, base64. */
  | { readonly type: 'tile'; readonly level: 0; readonly index: number; readonly hashes: string }
  | {
      readonly type: 'entry';
      readonly index: number;
      /** The text of which the UTF-8 bytes were hashed. */
      readonly leaf: string;
      readonly parts: readonly ExportedPart[];
      /** That it is in the tree of the newest checkpoint, where the export has not all entries; base64. */
      readonly proof?: readonly string[];
    };

/** Reads a line; undefined for one that is not written exactly as an export is. */
export function readExportLine(line: string): ExportLine | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  // One text for one content, so that no byte can be changed unseen.
  if (JSON.stringify(value) !== line || typeof value !== 'object' || value === null)
    return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  const isLine =
    (hasExactly(fields, ['type', 'note']) &&
      fields['type'] === 'checkpoint' &&
      typeof fields['note'] === 'string') ||
    (hasExactly(fields, ['type', 'records']) &&
      fields['type'] === 'retired' &&
      isIndex(fields['records']) &&
      Number(fields['records']) > 0) ||
    (hasExactly(fields, ['type', 'level', 'index', 'hashes']) &&
      fields['type'] === 'tile' &&
      fields['level'] === 0 &&
      isIndex(fields['index']) &&
      isHashes(fields['hashes'])) ||
    (hasExactly(fields, ['type', 'index', 'leaf', 'parts'], 'proof') &&
      fields['type'] === 'entry' &&
      isIndex(fields['index']) &&
      typeof fields['leaf'] === 'string' &&
      Array.isArray(fields['parts']) &&
      fields['parts'].every(isPart) &&
      isProof(fields['proof']));
  return isLine ? (value as ExportLine) : undefined;
}

function hasExactly(
  fields: Readonly<Record<string, unknown>>,
  names: readonly string[],
  optional?: string,
): boolean {
  const found = Object.keys(fields).filter((name) => name !== optional);
  return found.length === names.length && found.every((name, at) => name === names[at]);
}

function isIndex(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isHashes(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  const bytes = Buffer.from(value, 'base64');
  return bytes.length % 32 === 0 && bytes.length > 0 && bytes.toString('base64') === value;
}

function isProof(value: unknown): boolean {
  return (
    value === undefined ||
    (Array.isArray(value) && value.every((hash) => isHashes(hash) && String(hash).length === 44))
  );
}

function isPart(value: unknown): boolean {
  if (value === 'erased' || value === 'damaged') return true;
  if (typeof value !== 'object' || value === null) return false;
  const { salt, text, ...rest } = value as Readonly<Record<string, unknown>>;
  const isSalt =
    typeof salt === 'string' && Buffer.from(salt, 'base64url').toString('base64url') === salt;
  return isSalt && typeof text === 'string' && Object.keys(rest).length === 0;
}
