import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:net';
import { gzipSync } from 'node:zlib';

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import { FetchRefusedError, FetchSettings, GuardedFetch } from '../../src/tokens/guarded-fetch.js';
import { json, LoopbackServer } from '../support/loopback-server.js';

const KEYS = { keys: [] };
const DEVELOPMENT = { allowLoopbackHttp: true, timeout: 300 };

let server: LoopbackServer;

beforeAll(async () => {
  server = await LoopbackServer.start();
});

/** Whatever a fetch came to, it leaves no connection open. */
afterEach(async () => {
  await server.expectNobodyConnected();
  server.paths.length = 0;
});

afterAll(() => server.stop());

function fetcher(settings: Partial<FetchSettings> = {}): GuardedFetch {
  return new GuardedFetch(new FetchSettings(settings));
}

async function expectRefused(
  address: string,
  message: string,
  settings: Partial<FetchSettings> = DEVELOPMENT,
): Promise<void> {
  const error = await fetcher(settings)
    .getJson(address)
    .catch((refusal: unknown) => refusal);
  expect(error).toBeInstanceOf(FetchRefusedError);
  expect((error as Error).message).toBe(message);
}

async function expectInTime(work: () => Promise<void>): Promise<void> {
  const started = performance.now();
  await work();
  const took = performance.now() - started;
  expect(took).toBeGreaterThan(250);
  expect(took).toBeLessThan(3_000);
}

function respond(
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = { 'content-type': 'application/json' },
): RequestListener {
  return (_request, response) => response.writeHead(200, headers).end(body);
}

function resolvingTo(...addresses: readonly string[]): {
  asked: string[];
  resolve: FetchSettings['resolve'];
} {
  const asked: string[] = [];
  const resolve = async (hostname: string): Promise<readonly LookupAddress[]> => {
    asked.push(hostname);
    return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  };
  return { asked, resolve };
}

const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';

/** A server that answers with these bytes, whatever it is asked, for as long as the work takes. */
async function withAnswer(bytes: string, work: (url: string) => Promise<void>): Promise<void> {
  const other = createServer((socket) => {
    socket.on('error', () => {}).resume();
    socket.write(bytes);
  });
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  await work(`http://127.0.0.1:${port}`);
  other.close();
  await once(other, 'close');
}

describe('An answer is refused', () => {
  it.each([301, 302, 303, 307, 308])(
    'when it is a redirect (%d), which is not followed',
    async (status) => {
      server.answer = (request, response) => {
        if (request.url === '/secret') return json(KEYS)(request, response);
        response.writeHead(status, { location: `${server.url}/secret` }).end();
      };
      await expectRefused(`${server.url}/jwks`, `The answer has the status ${status}`);
      expect(server.paths).toEqual(['/jwks']);
    },
  );

  it.each([201, 204, 206, 304, 400, 404, 500, 503])('when its status is %d', async (status) => {
    server.answer = (_request, response) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(status === 204 || status === 304 ? undefined : 'x'.repeat(100_000));
    };
    await expectRefused(server.url, `The answer has the status ${status}`);
  });

  it('when its headers do not come in time', async () => {
    server.answer = () => {};
    await expectInTime(() => expectRefused(server.url, 'The address cannot be reached'));
  });

  it('when its body does not come in time, although it never stops coming', async () => {
    server.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const timer = setInterval(() => response.write(' '), 20);
      response.once('close', () => clearInterval(timer));
    };
    await expectInTime(() => expectRefused(server.url, 'The address cannot be reached'));
  });

  it('when its name is not resolved in time', async () => {
    const settings = { timeout: 300, resolve: () => new Promise<never>(() => {}) };
    await expectInTime(() =>
      expectRefused('https://keys.example', 'The address cannot be reached', settings),
    );
  });

  it('when it is too large, announced or not, before it has come', async () => {
    let sent = 0;
    server.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const more = (): void => {
        if (response.destroyed) return;
        sent += 16_384;
        response.write(' '.repeat(16_384), () => setImmediate(more));
      };
      more();
    };
    await expectRefused(server.url, 'The answer is too large', { allowLoopbackHttp: true });
    expect(sent).toBeLessThan(8 * 1024 * 1024);
    server.answer = respond(' '.repeat(65_537));
    await expectRefused(server.url, 'The answer is too large');
    server.answer = respond(`${' '.repeat(65_525)}{"keys":[]}`);
    await expect(fetcher(DEVELOPMENT).getJson(server.url)).resolves.toEqual(KEYS);
  });

  it('when it is packed', async () => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    server.answer = respond(gzipSync(JSON.stringify(KEYS)), headers);
    await expectRefused(server.url, 'The answer is encoded');
  });

  it.each(['text/html', 'text/plain', '', 'application/jsonp', 'x-application/json'])(
    'when it is said to be %j',
    async (type) => {
      server.answer = respond(JSON.stringify(KEYS), type === '' ? {} : { 'content-type': type });
      await expectRefused(server.url, 'The answer is not JSON');
    },
  );

  it.each([
    '',
    '<html>',
    '{"keys":[]',
    '[]',
    'null',
    '"keys"',
    '{"keys":[],"keys":[]}',
    '{"__proto__":{"keys":[]}}',
    `{"keys":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
  ])('when it is %.40j', async (body) => {
    server.answer = respond(body);
    await expectRefused(server.url, 'The answer is not a plain JSON object');
  });

  it('when it is not UTF-8', async () => {
    server.answer = respond(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]));
    await expectRefused(server.url, 'The answer is not UTF-8');
  });

  it('when it breaks off', async () => {
    server.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
      response.write('{"keys":', () => response.destroy());
    };
    await expectRefused(server.url, 'The answer broke off');
    server.answer = (request) => request.socket.destroy();
    await expectRefused(server.url, 'The address cannot be reached');
  });

  it('when it is not HTTP, or does not end its headers', async () => {
    for (const bytes of ['SSH-2.0-x\r\n', `HTTP/1.1 200 OK\r\n${'a: b\r\n'.repeat(20_000)}`]) {
      await withAnswer(bytes, (url) => expectRefused(url, 'The address cannot be reached'));
    }
  });

  it('when it turns into another protocol', async () => {
    await withAnswer(SWITCHED, (url) => expectRefused(url, 'The answer has the status 101'));
  });
});

describe('CVE-2020-10770, CVE-2026-4366, a server fetched what a stranger named: an address is refused without a connection', () => {
  it.each([
    ['jwks', 'The address is not a URL'],
    ['', 'The address is not a URL'],
    ['https://', 'The address is not a URL'],
    ['https://user@keys.example/', 'The address names a user'],
    ['https://user:word@keys.example/', 'The address names a user'],
    ['https://:word@keys.example/', 'The address names a user'],
    ['http://keys.example/', 'The address is not https'],
    ['http://localhost.keys.example/', 'The address is not https'],
    ['http://10.0.0.1/', 'The address is not https'],
    ['http://[::ffff:a00:1]/', 'The address is not https'],
    ['file:///etc/passwd', 'The address is not https'],
    ['data:application/json,{}', 'The address is not https'],
    ['ftp://keys.example/', 'The address is not https'],
    ['gopher://keys.example/', 'The address is not https'],
  ])('when it is %j', async (address, message) => {
    const { asked, resolve } = resolvingTo('127.0.0.1');
    await expectRefused(address, message, { ...DEVELOPMENT, resolve });
    expect(asked).toEqual([]);
  });

  it.each(['localhost', '127.0.0.1', '[::1]'])(
    'when it is plain http to %s and this is not development',
    async (host) => {
      await expectRefused(`http://${host}:${server.port}/`, 'The address is not https', {});
      expect(server.paths).toEqual([]);
    },
  );

  const LOCAL: readonly (readonly [string, string])[] = [
    ['127.0.0.1', 'loopback'],
    ['127.1', 'loopback'],
    ['0x7f.0.0.1', 'loopback'],
    ['2130706433', 'loopback'],
    ['0177.0.0.1', 'loopback'],
    ['[::1]', 'loopback'],
    ['[::ffff:127.0.0.1]', 'loopback'],
    ['[::ffff:7f00:1]', 'loopback'],
    ['10.1.2.3', 'private'],
    ['172.16.0.1', 'private'],
    ['192.168.0.1', 'private'],
    ['100.64.0.1', 'private'],
    ['[fd12::1]', 'private'],
    ['169.254.169.254', 'reserved'],
    ['[::ffff:a9fe:a9fe]', 'reserved'],
    ['[fd00:ec2::254]', 'reserved'],
    ['100.100.100.200', 'reserved'],
    ['0.0.0.0', 'reserved'],
    ['0', 'reserved'],
    ['[::]', 'reserved'],
    ['[fe80::1]', 'reserved'],
    ['[64:ff9b::7f00:1]', 'reserved'],
    ['224.0.0.1', 'reserved'],
    ['255.255.255.255', 'reserved'],
    ['[ff02::1]', 'reserved'],
  ];

  it.each(LOCAL)('when it is https to %s', async (host, kind) => {
    await expectRefused(
      `https://${host}:${server.port}/`,
      `The address leads to a ${kind} network`,
      {},
    );
  });

  it.each(LOCAL.filter(([host]) => host.includes('.') || host.startsWith('[')))(
    'when its name stands for %s',
    async (host, kind) => {
      const address = host === '127.1' || host.startsWith('0') ? '127.0.0.1' : host;
      const { asked, resolve } = resolvingTo(address.replaceAll(/[[\]]/g, ''));
      const expected = host === '0.0.0.0' ? 'loopback' : kind;
      await expectRefused(
        `https://keys.example:${server.port}/`,
        `The address leads to a ${expected} network`,
        { resolve },
      );
      expect(asked).toEqual(['keys.example']);
    },
  );

  it('when only one of the addresses of its name is local', async () => {
    for (const addresses of [
      ['203.0.112.1', '127.0.0.1'],
      ['2606:4700::1111', '::ffff:10.0.0.1'],
    ]) {
      await expectRefused(
        `https://keys.example:${server.port}/`,
        `The address leads to a ${addresses[1] === '127.0.0.1' ? 'loopback' : 'private'} network`,
        { resolve: resolvingTo(...addresses).resolve },
      );
    }
  });

  it('when the machine itself knows the name as a local one', async () => {
    for (const name of ['localhost', 'LOCALHOST']) {
      await expectRefused(
        `https://${name}:${server.port}/`,
        'The address leads to a loopback network',
        {},
      );
    }
    expect(server.paths).toEqual([]);
  });

  it('when its name stands for nothing', async () => {
    await expectRefused('https://keys.example/', 'The host name has no address', {
      resolve: async () => [],
    });
    await expectRefused('https://keys.example/', 'The address cannot be reached', {
      resolve: () => Promise.reject(new Error('ENOTFOUND')),
    });
  });

  it('when plain http to localhost would leave this machine', async () => {
    await expectRefused(`http://localhost:${server.port}/`, 'The address is not https', {
      ...DEVELOPMENT,
      resolve: resolvingTo('127.0.0.1', '203.0.112.1').resolve,
    });
    expect(server.paths).toEqual([]);
  });

  it('when it is in a private network, unless those are allowed, and then nothing else is', async () => {
    const inside = { allowPrivateNetworks: true, timeout: 50 };
    await expectRefused('https://10.255.255.1:1/', 'The address cannot be reached', inside);
    await expectRefused('https://127.0.0.1/', 'The address leads to a loopback network', inside);
    await expectRefused(
      'https://169.254.169.254/',
      'The address leads to a reserved network',
      inside,
    );
  });
});

describe('A JSON object is fetched', () => {
  it.each(['application/json', 'application/jwk-set+json', 'Application/JSON; charset=utf-8'])(
    'as %s',
    async (type) => {
      server.answer = respond('{"keys":[],"ä":"é"}', { 'content-type': type });
      await expect(fetcher(DEVELOPMENT).getJson(`${server.url}/a?b=c`)).resolves.toEqual({
        keys: [],
        ä: 'é',
      });
      expect(server.paths).toEqual(['/a?b=c']);
    },
  );

  it('from the very address that was checked: its name is asked for once', async () => {
    server.answer = json(KEYS);
    const asked: string[] = [];
    const resolve = async (hostname: string): Promise<LookupAddress[]> => {
      asked.push(hostname);
      return [{ address: asked.length === 1 ? '127.0.0.1' : '10.0.0.1', family: 4 }];
    };
    const address = `http://localhost:${server.port}/`;
    await expect(fetcher({ ...DEVELOPMENT, resolve }).getJson(address)).resolves.toEqual(KEYS);
    expect(asked).toEqual(['localhost']);
  });

  it('with nothing of ours in the request', async () => {
    let headers: Readonly<Record<string, unknown>> = {};
    server.answer = (request, response) => {
      headers = request.headers;
      json(KEYS)(request, response);
    };
    await fetcher(DEVELOPMENT).getJson(server.url);
    expect(headers).toEqual({
      accept: 'application/json',
      'accept-encoding': 'identity',
      host: `127.0.0.1:${server.port}`,
      connection: 'close',
    });
  });
});

describe('A form is not sent', () => {
  const FORM = { logout_token: 'a.b.c' };

  async function expectNotSent(
    address: string,
    message: string,
    settings: Partial<FetchSettings> = DEVELOPMENT,
  ): Promise<void> {
    const error = await fetcher(settings)
      .postForm(address, FORM)
      .catch((refusal: unknown) => refusal);
    expect(error).toBeInstanceOf(FetchRefusedError);
    expect((error as Error).message).toBe(message);
  }

  it.each([
    ['logout', 'The address is not a URL'],
    ['https://user@app.example/', 'The address names a user'],
    ['http://app.example/', 'The address is not https'],
    ['http://10.0.0.1/', 'The address is not https'],
    ['file:///etc/passwd', 'The address is not https'],
    ['https://10.0.0.1/', 'The address leads to a private network'],
    ['https://169.254.169.254/', 'The address leads to a reserved network'],
  ])('to %j', async (address, message) => {
    const { asked, resolve } = resolvingTo('127.0.0.1');
    await expectNotSent(address, message, { ...DEVELOPMENT, resolve });
    expect(asked).toEqual([]);
  });

  it('to this machine, unless this is development', async () => {
    await expectNotSent(server.url, 'The address is not https', {});
    await expectNotSent(
      `https://app.example:${server.port}/`,
      'The address leads to a loopback network',
      { resolve: resolvingTo('127.0.0.1').resolve },
    );
    expect(server.paths).toEqual([]);
  });

  it('to a name of which one address is local', async () => {
    await expectNotSent('https://app.example/', 'The address leads to a private network', {
      resolve: resolvingTo('203.0.112.1', '10.0.0.1').resolve,
    });
  });

  it('to where a redirect leads: its status is the answer', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      server.answer = (_request, response) => {
        response.writeHead(status, { location: `${server.url}/secret` }).end();
      };
      await expect(fetcher(DEVELOPMENT).postForm(`${server.url}/logout`, FORM)).resolves.toBe(
        status,
      );
    }
    expect(new Set(server.paths)).toEqual(new Set(['/logout']));
  });

  it('for longer than the time there is, or to nobody', async () => {
    server.answer = () => {};
    await expectInTime(() => expectNotSent(server.url, 'The address cannot be reached'));
    server.answer = (request) => request.socket.destroy();
    await expectNotSent(server.url, 'The address cannot be reached');
    await withAnswer(SWITCHED, (url) => expectNotSent(url, 'The answer has the status 101'));
  });
});

describe('A form is sent', () => {
  it('as it is, with nothing of ours beside it', async () => {
    let received = '';
    let sent: Readonly<Record<string, unknown>> = {};
    server.answer = (request, response) => {
      sent = { method: request.method, ...request.headers };
      request.on('data', (chunk: Buffer) => (received += chunk.toString()));
      request.on('end', () => response.end());
    };
    const form = { logout_token: 'a.b.c', other: 'ä &=+' };
    await expect(fetcher(DEVELOPMENT).postForm(`${server.url}/a?b=c`, form)).resolves.toBe(200);
    expect(received).toBe('logout_token=a.b.c&other=%C3%A4+%26%3D%2B');
    expect(sent).toEqual({
      method: 'POST',
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': String(received.length),
      host: `127.0.0.1:${server.port}`,
      connection: 'close',
    });
    expect(server.paths).toEqual(['/a?b=c']);
  });

  it.each([200, 201, 204, 400, 404, 500, 501, 503])('and gives the status %d', async (status) => {
    server.answer = (_request, response) => {
      response.writeHead(status).end();
    };
    await expect(fetcher(DEVELOPMENT).postForm(server.url, {})).resolves.toBe(status);
  });

  it('and what is answered is not read, whatever it is', async () => {
    let written = 0;
    server.answer = (_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'text/html' });
      const more = (): void => {
        if (response.destroyed) return;
        written += 16_384;
        response.write(' '.repeat(16_384), () => setImmediate(more));
      };
      more();
    };
    await expect(fetcher(DEVELOPMENT).postForm(server.url, {})).resolves.toBe(200);
    await server.expectNobodyConnected();
    expect(written).toBeLessThan(8 * 1024 * 1024);
    server.answer = (_request, response) => {
      response.writeHead(400, { 'content-length': '100' });
      response.write('{', () => response.destroy());
    };
    await expect(fetcher(DEVELOPMENT).postForm(server.url, {})).resolves.toBe(400);
  });
});

describe('A text is not sent, or its answer not taken', () => {
  it.each([
    ['http://witness.example/', 'The address is not https'],
    ['https://user@witness.example/', 'The address names a user'],
    ['https://10.0.0.1/', 'The address leads to a private network'],
    ['https://169.254.169.254/', 'The address leads to a reserved network'],
  ])('to %j', async (address, message) => {
    await expect(fetcher(DEVELOPMENT).postText(address, 'text')).rejects.toThrow(message);
  });

  it('to a name that leads into a private network', async () => {
    const { resolve } = resolvingTo('10.0.0.1');
    const sent = fetcher({ resolve }).postText('https://witness.example/', 'text');
    await expect(sent).rejects.toThrow('The address leads to a private network');
  });

  it('when that is too large, or not UTF-8', async () => {
    server.answer = respond(Buffer.alloc(65 * 1024, 'a'));
    const send = (isRead?: boolean): Promise<unknown> =>
      fetcher(DEVELOPMENT).postText(server.url, 'text', {}, isRead);
    await expect(send()).rejects.toThrow('The answer is too large');
    await expect(send(false)).resolves.toEqual({ status: 200, text: '' });
    server.answer = respond(Buffer.of(0xff));
    await expect(send()).rejects.toThrow('The answer is not UTF-8');
  });
});

describe('A text is sent', () => {
  it('as it is, with its headers, and the answer is given whatever its status', async () => {
    let received = '';
    let sent: Readonly<Record<string, unknown>> = {};
    server.answer = (request, response) => {
      sent = { method: request.method, ...request.headers };
      request.on('data', (chunk: Buffer) => (received += chunk.toString()));
      request.on('end', () => response.writeHead(409, { location: '/secret' }).end('17\n'));
    };
    const text = 'old 0\n\n— ä\n';
    const answer = await fetcher(DEVELOPMENT).postText(`${server.url}/add`, text, { 'x-id': '1' });
    expect(answer).toEqual({ status: 409, text: '17\n' });
    expect(received).toBe(text);
    expect(sent).toMatchObject({
      method: 'POST',
      'content-type': 'text/plain; charset=utf-8',
      'content-length': String(Buffer.byteLength(text)),
      'x-id': '1',
    });
    expect(server.paths).toEqual(['/add']);
  });
});
