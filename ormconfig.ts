// oxlint-disable node/no-process-env, no-restricted-imports -- the command line has no configuration but this
import { env } from 'node:process';

import { DataSource } from 'typeorm';

import { tokenExchangeSchema } from './src/typeorm/schema.js';

const url = env['DATABASE_URL'];
if (!url) throw new Error('Set DATABASE_URL to the address of a PostgreSQL database');

/** The data source of the TypeORM command line; the service makes its own. */
export default new DataSource({ type: 'postgres', url, ...tokenExchangeSchema });
