const BASIC = /^basic +([A-Za-z0-9+/]+={0,2})$/i;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads `Authorization: Basic`: base64, then form-decoded on each side of the first colon (RFC 6749
 * section 2.3.1). Clients that send the pair raw are read the same way, because our ids and secrets
 * hold no character that form-encoding changes.
 * @returns undefined when it is not well-formed
 */
export function readBasicCredentials(
  header: string,
): { clientId: string; secret: string } | undefined {
  const encoded = BASIC.exec(header)?.[1];
  if (encoded === undefined || encoded.length % 4 !== 0) return undefined;
  try {
    const pair = utf8.decode(Buffer.from(encoded, 'base64'));
    const colon = pair.indexOf(':');
    if (colon < 1 || colon === pair.length - 1) return undefined;
    return {
      clientId: formDecode(pair.slice(0, colon)),
      secret: formDecode(pair.slice(colon + 1)),
    };
  } catch {
    return undefined;
  }
}

function formDecode(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}
