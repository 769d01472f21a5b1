import { AnchorError } from '../audit/ledger/ledger-anchor.js';
import { FetchRefusedError, type GuardedFetch, type TextAnswer } from '../tokens/guarded-fetch.js';

/**
 * Sends a text to an address that was configured.
 * @param isRead whether the text of the answer is wanted
 * @throws AnchorError when it must not be sent, or there is no answer
 */
export async function post(
  fetch: GuardedFetch,
  url: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
  isRead = true,
): Promise<TextAnswer> {
  try {
    return await fetch.postText(url, body, headers, isRead);
  } catch (cause) {
    if (cause instanceof FetchRefusedError) throw new AnchorError('unreachable', { cause });
    throw cause;
  }
}
