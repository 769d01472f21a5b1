/** What a user agent says it is; the first that fits, because many say that they are others too. */
const BROWSERS: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/\bEdg(?:e|A|iOS)?\//, 'Edge'],
  [/\b(?:OPR|Opera)\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:Chrome|Chromium|CriOS|HeadlessChrome)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
  [/\bcurl\//, 'curl'],
];

const SYSTEMS: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/\bAndroid\b/, 'Android'],
  [/\b(?:iPhone|iPod)\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bWindows\b/, 'Windows'],
  [/\b(?:Macintosh|Mac OS X)\b/, 'macOS'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
];

/** A user agent in a few words, such as `Firefox · Linux`; it is what the browser says, and no proof. */
export function deviceOf(userAgent: string | null): string {
  const text = userAgent ?? '';
  const named = [BROWSERS, SYSTEMS].map(
    (list) => list.find(([pattern]) => pattern.test(text))?.[1],
  );
  const known = named.filter((name) => name !== undefined);
  return known.length > 0 ? known.join(' · ') : text.slice(0, 40) || '—';
}
