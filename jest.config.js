import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/**
 * One database server serves a whole test run. These two files start and stop it;
 * a run without them (the pure rooms need no database) is complete as well.
 */
const globalSetup = here('./test/support/global-setup.ts');
const globalTeardown = here('./test/support/global-teardown.ts');

/** The compiler options that decide behaviour at run time; keep them equal to tsconfig.json. */
const swc = {
  $schema: 'https://swc.rs/schema.json',
  jsc: {
    target: 'es2022',
    parser: { syntax: 'typescript', decorators: true },
    transform: {
      legacyDecorator: true,
      decoratorMetadata: true,
      useDefineForClassFields: true,
    },
    keepClassNames: true,
  },
  module: { type: 'es6' },
  sourceMaps: 'inline',
};

/** @type {import('jest').Config} */
export default {
  rootDir: '.',
  roots: ['<rootDir>/src', '<rootDir>/test'],
  testMatch: ['<rootDir>/test/**/*.spec.ts'],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', swc] },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  ...(existsSync(globalSetup) ? { globalSetup } : {}),
  ...(existsSync(globalTeardown) ? { globalTeardown } : {}),
  collectCoverageFrom: ['src/**/*.ts', '!src/main.ts'],
  coverageDirectory: 'coverage',
  maxWorkers: 2,
  workerIdleMemoryLimit: '600MB',
  testTimeout: 30_000,
};
