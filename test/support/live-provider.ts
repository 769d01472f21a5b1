import { FakeClock } from './fake-clock.js';
import { Provider } from './provider.js';
import { freePort } from './service-process.js';
import { TextBrowser, type Visit } from './browser.js';

/** The provider as a relying party meets it: its own address as issuer, and the time of day. */
export async function startLiveProvider(): Promise<Provider> {
  const port = await freePort();
  return Provider.start(
    {
      issuer: `http://127.0.0.1:${port}`,
      fetch: { allowLoopbackHttp: true, allowPrivateNetworks: true },
    },
    { port, clock: new FakeClock(Date.now()) },
  );
}

/** A person at a browser without JavaScript, who is sent to and fro between sites of this machine. */
export class TravellingBrowser {
  readonly #sites = new Map<string, TextBrowser>();
  #here: TextBrowser | undefined;

  /** Opens an address and follows wherever it leads. */
  open(address: string | URL): Promise<Visit> {
    return this.#travel(new URL(address));
  }

  /** Sends a form of the page that is open, and follows wherever that leads. */
  async submit(fields: Readonly<Record<string, string>> = {}): Promise<Visit> {
    if (this.#here === undefined) throw new Error('No page is open.');
    const visit = await this.#here.submit(fields);
    return visit.location === undefined ? visit : this.#travel(visit.location);
  }

  async #travel(address: URL): Promise<Visit> {
    let next = address;
    for (let legs = 0; legs < 10; legs += 1) {
      this.#here = this.#siteOf(next);
      const visit = await this.#here.open(next);
      if (visit.location === undefined) return visit;
      next = visit.location;
    }
    throw new Error(`too many redirects at ${next.href}`);
  }

  #siteOf({ origin, port }: URL): TextBrowser {
    const known = this.#sites.get(origin) ?? new TextBrowser(origin, Number(port));
    this.#sites.set(origin, known);
    return known;
  }
}
