import { describe, expect, it } from '@jest/globals';

import { connectionOf } from '../../src/typeorm/plain-connection.js';

function told(options: object): Readonly<Record<string, unknown>> | undefined {
  return connectionOf({ type: 'postgres', ...options });
}

class Living {
  readonly name = 'living';
}

describe('How a data source connects cannot be told to another thread', () => {
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;

  it.each<[string, object]>([
    ['a password that is asked for', { password: () => 'secret' }],
    ['TLS with a check of its own', { ssl: { checkServerIdentity: () => undefined } }],
    ['a living object', { extra: { stream: new Living() } }],
    ['a function deep down', { extra: { types: { getTypeParser: [() => 1] } } }],
    ['another driver', { driver: { Pool: Living } }],
    ['a circle', { extra: circle }],
    ['such a master', { replication: { master: { password: () => 'secret' }, slaves: [] } }],
  ])('with %s', (_, options) => {
    expect(told(options)).toBeUndefined();
  });
});

describe('How a data source connects', () => {
  it('is told, and nothing else of it', () => {
    const ca = Buffer.from('ca');
    const options = {
      url: 'postgres://a',
      ssl: { ca },
      poolSize: 7,
      extra: { max: 3, keepAlive: true },
    };
    expect(told({ ...options, entities: [Living], logger: new Living() })).toEqual({
      url: 'postgres://a',
      ssl: { ca },
      extra: { max: 3, keepAlive: true },
    });
  });

  it('is told with what the driver hides from being listed, in a copy', () => {
    const ssl = Object.defineProperty({ ca: 'ca', key: 'secret' }, 'key', { enumerable: false });
    const connection = told({ host: 'db', ssl });
    expect(connection).toEqual({ host: 'db', ssl: { ca: 'ca', key: 'secret' } });
    expect(structuredClone(connection)).toEqual(connection);
  });

  it('is that of the master, which is written to', () => {
    const master = { host: 'master', username: 'm', ssl: true };
    const replication = { master, slaves: [{ host: 'slave' }] };
    expect(told({ replication, host: 'other', applicationName: 'app' })).toEqual({
      ...master,
      applicationName: 'app',
    });
  });
});
