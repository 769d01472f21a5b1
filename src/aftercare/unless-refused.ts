import { OAuthError } from '../oauth/oauth-error.js';

/** What some work gives; undefined when it is refused. Rejects when the work cannot know. */
export async function unlessRefused<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof OAuthError && error.status < 500) return undefined;
    throw error;
  }
}
