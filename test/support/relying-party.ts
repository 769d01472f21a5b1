import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

import { collect, freePort, plainEnvironment, ROOT } from './service-process.js';
import type { RelyingPartySettings } from './relying-party-process.js';

/** An application that uses somebody else's library to sign people in, as a process of its own. */
export class RelyingParty {
  private constructor(
    readonly origin: string,
    private readonly child: ChildProcess,
    private readonly ended: Promise<unknown>,
  ) {}

  /** A place for one, so that its addresses can be registered before it starts. */
  static async origin(): Promise<string> {
    return `http://127.0.0.1:${await freePort()}`;
  }

  /** Starts it and waits until it listens. */
  static async start(
    library: 'passport-openidconnect' | 'express-openid-connect',
    origin: string,
    settings: Omit<RelyingPartySettings, 'port'>,
  ): Promise<RelyingParty> {
    const { port } = new URL(origin);
    const child = spawn(
      process.execPath,
      [
        '--import',
        '@swc-node/register/esm-register',
        'test/support/relying-party-process.ts',
        library,
        JSON.stringify({ ...settings, port: Number(port) }),
      ],
      { cwd: ROOT, env: plainEnvironment({}), stdio: ['pipe', 'pipe', 'pipe'] },
    );
    const party = new RelyingParty(origin, child, once(child, 'exit'));
    const said = collect(child);
    const isListening = new Promise((resolve) => child.stdout.once('data', resolve));
    await Promise.race([isListening, party.ended]);
    if (child.exitCode !== null) throw new Error(`It did not start:\n${said()}`);
    return party;
  }

  async stop(): Promise<void> {
    this.child.kill();
    await this.ended;
  }
}
