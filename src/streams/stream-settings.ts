/** How records are streamed to whoever watches. Times in milliseconds. */
export class StreamSettings {
  /** How many streams one instance serves at once. */
  readonly maxStreams: number;
  /** Between two looks for news, while somebody watches. */
  readonly interval: number;
  /** After which a stream without news says that it is still there. */
  readonly heartbeat: number;
  /** How many of the newest records are kept in memory, for all streams together. */
  readonly window: number;

  constructor(settings: Partial<StreamSettings> = {}) {
    this.maxStreams = settings.maxStreams ?? 100;
    this.interval = settings.interval ?? 500;
    this.heartbeat = settings.heartbeat ?? 15_000;
    this.window = settings.window ?? 500;
  }
}
