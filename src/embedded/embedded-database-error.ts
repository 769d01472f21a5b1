const INSTEAD = 'Or set DATABASE_URL to a PostgreSQL server of your own.';

/** What the embedded database tells while it starts and stops. */
export interface EmbeddedDatabaseLogger {
  info(message: string): void;
  warn(message: string): void;
}

/** The embedded database cannot be used here; the message says why and what to do. */
export class EmbeddedDatabaseError extends Error {
  override readonly name = 'EmbeddedDatabaseError';

  constructor(message: string, options?: ErrorOptions) {
    super(`${message} ${INSTEAD}`, options);
  }
}
