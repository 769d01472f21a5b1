/** One range of an `Accept` header. */
interface MediaRange {
  readonly type: string;
  readonly quality: number;
}

/**
 * Whether a request names a media type and wants it at least as much as another one (RFC 9110 section
 * 12.5.1); a wildcard does not name it.
 */
export function prefers(accept: string | undefined, wanted: string, other: string): boolean {
  const ranges = (accept ?? '').split(',').map(readRange);
  const named = qualityOf(ranges, wanted) ?? 0;
  const [group = ''] = other.split('/');
  const quality =
    qualityOf(ranges, other) ?? qualityOf(ranges, `${group}/*`) ?? qualityOf(ranges, '*/*') ?? 0;
  return named > 0 && named >= quality;
}

/** Undefined when no range names it. */
function qualityOf(ranges: readonly MediaRange[], type: string): number | undefined {
  return ranges.find((range) => range.type === type)?.quality;
}

function readRange(text: string): MediaRange {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => /^q\s*=/.test(parameter));
  return { type, quality: weight === undefined ? 1 : readQuality(weight) };
}

/** What cannot be read is not wanted. */
function readQuality(weight: string): number {
  const value = weight.slice(weight.indexOf('=') + 1).trim();
  return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(value) ? Number(value) : 0;
}
