import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const START_WITHIN = 60_000;

/** The built service as a process of its own. */
export class ServiceProcess {
  private constructor(
    private readonly child: ChildProcess,
    private readonly ended: Promise<unknown>,
    private readonly said: () => string,
  ) {}

  /** Starts it and waits until it is ready; rejects with what it said when it does not become so. */
  static async start(
    dataDir: string,
    port: number,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<ServiceProcess> {
    const child = spawn(process.execPath, ['--enable-source-maps', 'dist/main.js'], {
      cwd: ROOT,
      env: plainEnvironment({ DATA_DIR: dataDir, PORT: String(port), ...settings }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const service = new ServiceProcess(child, once(child, 'exit'), collect(child));
    const deadline = Date.now() + START_WITHIN;
    while (!(await isReady(port))) {
      if (child.exitCode !== null || Date.now() > deadline) {
        await service.kill();
        throw new Error(`The service did not start:\n${service.output}`);
      }
      await sleep(100);
    }
    return service;
  }

  /** Everything it wrote until now. */
  get output(): string {
    return this.said();
  }

  /** As a power failure would: no signal that it could answer. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  /** Asks it to stop and waits until it has. */
  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    await this.ended;
  }
}

/** This process's environment without what would configure a service or the test runner. */
export function plainEnvironment(settings: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR, LANG } = process.env;
  const kept = Object.entries({ PATH, HOME, TMPDIR, LANG }).filter(
    ([, value]) => value !== undefined,
  );
  return { ...Object.fromEntries(kept), ...settings };
}

/** A port of loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Gathers what a process writes. */
export function collect(child: ChildProcess): () => string {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return () => output;
}

async function isReady(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/health/ready`)).ok;
  } catch {
    return false;
  }
}
