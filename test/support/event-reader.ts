import { request as httpRequest, type IncomingMessage } from 'node:http';

/** An event of a stream. */
export interface ReadEvent {
  readonly id: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A client of Server-Sent Events, which keeps what it got. */
export class EventReader {
  readonly events: ReadEvent[] = [];
  /** Resolves when the stream has ended, whichever way. */
  readonly ended: Promise<void>;
  #rest = '';
  #news: (() => void) | undefined;

  private constructor(readonly response: IncomingMessage) {
    response.setEncoding('utf8').on('data', (text: string) => this.#take(text));
    this.ended = new Promise((resolve) => {
      response.once('close', () => {
        resolve();
        this.#news?.();
      });
    });
    response.on('error', () => undefined);
  }

  /** Opens a stream; rejects with the status when there is none. */
  static open(url: string, headers: Readonly<Record<string, string>>): Promise<EventReader> {
    return new Promise((resolve, reject) => {
      const sent = httpRequest(url, { headers, agent: false }, (response) => {
        if (response.statusCode === 200) resolve(new EventReader(response));
        else {
          response.resume();
          reject(new Error(`status ${response.statusCode}`));
        }
      });
      sent.once('error', reject).end();
    });
  }

  /** Waits until there are so many events, or the stream has ended. */
  async until(count: number): Promise<readonly ReadEvent[]> {
    while (this.events.length < count && !this.response.closed)
      await new Promise<void>((resolve) => (this.#news = resolve));
    return this.events;
  }

  close(): void {
    this.response.destroy();
  }

  #take(text: string): void {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const [, id = '', data] = /^id: (\d+)\ndata: (.*)$/.exec(block) ?? [];
      if (data !== undefined)
        this.events.push({ id: Number(id), data: JSON.parse(data) as ReadEvent['data'] });
    }
    this.#news?.();
  }
}
