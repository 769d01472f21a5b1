/** What a contract suite needs of a test framework; jest and vitest have it by these names. */
export interface TestFramework {
  readonly describe: (name: string, body: () => void) => void;
  readonly it: (name: string, body: () => Promise<void>) => void;
  readonly beforeAll: (body: () => Promise<void>) => void;
  readonly afterAll: (body: () => Promise<void>) => void;
}

/** An adapter under test, opened. It need not be empty: a suite looks only at what it wrote. */
export interface Opened {
  close?(): Promise<void>;
}

/**
 * The framework of the file that runs.
 * @throws Error when it has no globals; then hand its functions over
 */
export function globalFramework(): TestFramework {
  const globals = globalThis as Partial<TestFramework>;
  const { describe, it, beforeAll, afterAll } = globals;
  if (!describe || !it || !beforeAll || !afterAll)
    throw new Error('Give the contract suite describe, it, beforeAll and afterAll');
  return { describe, it, beforeAll, afterAll };
}

/** Opens the adapter before the tests of a suite and closes it after them. */
export function aroundTests<T extends Opened>(
  open: () => Promise<T>,
  framework: TestFramework,
): () => T {
  let opened: T | undefined;
  framework.beforeAll(async () => {
    opened = await open();
  });
  framework.afterAll(async () => opened?.close?.());
  return () => {
    if (opened === undefined) throw new Error('The adapter is not open');
    return opened;
  };
}
