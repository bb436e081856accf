// A client driver as a child process: commands go in, events come out.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { test } from 'node:test';

/** The longest wait for anything that must happen, in milliseconds. */
export const patience = 60_000;

/** What the driver does not offer: the check is skipped. */
export class Unsupported extends Error {}

/** Declares a check; `body` gets a function that starts drivers, and the test's context. */
export function check(name, body) {
  test(name, { timeout: 2 * patience }, async (t) => {
    const start = () => {
      const driver = new Driver();
      t.after(() => driver.stop());
      return driver;
    };
    try {
      await body(start, t);
    } catch (error) {
      if (!(error instanceof Unsupported)) throw error;
      t.skip(error.message);
    }
  });
}

export class Driver {
  /** All events so far, in order. */
  events = [];
  #unread = [];
  #waiting = [];
  #syncs = 0;
  #died;

  constructor() {
    const flavour = process.env.DRIVER_FLAVOUR;
    const args = flavour ? ['--flavour', flavour] : [];
    this.child = spawn(process.env.DRIVER_BIN, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.child.stdin.on('error', () => {});
    this.exited = new Promise((resolve) => {
      this.child.on('error', () => this.#end(resolve, 'not started'));
      this.child.on('close', (code, signal) => this.#end(resolve, code ?? signal));
    });
    createInterface({ input: this.child.stdout }).on('line', (line) => this.#take(JSON.parse(line)));
  }

  send(op, fields = {}) {
    this.child.stdin.write(`${JSON.stringify({ op, ...fields })}\n`);
    return this;
  }

  /** The next event of that kind with such fields; others wait. */
  async wait(ev, fields = {}) {
    const matches = (event) => event.ev === ev && includes(event, fields);
    const found = this.#unread.findIndex(matches);
    if (found >= 0) return this.#unread.splice(found, 1)[0];
    if (this.#died !== undefined) throw new Error(`the driver is gone (${this.#died}): no ${ev} came`);
    const unsupported = this.events.find((event) => event.error === 'unsupported');
    if (unsupported) throw new Unsupported(`unsupported: ${unsupported.option ?? unsupported.op}`);
    return await new Promise((resolve, reject) => {
      const late = () => {
        const seen = this.events.map((event) => JSON.stringify(event)).join('\n');
        reject(new Error(`no ${ev} ${JSON.stringify(fields)} came; events:\n${seen}`));
      };
      const timer = setTimeout(late, patience);
      const settle = (how) => (value) => {
        clearTimeout(timer);
        how(value);
      };
      this.#waiting.push({ matches, resolve: settle(resolve), reject: settle(reject) });
    });
  }

  /** Waits until all commands so far were taken, and returns the events before that. */
  async sync() {
    const tag = `sync-${(this.#syncs += 1)}`;
    this.send('sync', { tag });
    await this.wait('sync', { tag });
    return this.events.filter(({ ev }) => ev !== 'sync');
  }

  /** Makes the client, and refuses to go on without an option that is not supported. */
  async open(url, opts = {}) {
    await this.wait('ready');
    this.send('open', { url, opts: { reconnectionDelay: 10, reconnectionDelayMax: 50, ...opts } });
    await this.sync();
    const refused = this.events.find((event) => event.error === 'unsupported');
    if (refused) throw new Unsupported(`unsupported: ${refused.option ?? refused.op}`);
    return this;
  }

  async state(nsp) {
    const tag = `state-${(this.#syncs += 1)}`;
    this.send('state', { nsp, tag });
    return await this.wait('state', { tag });
  }

  /** The kinds of events so far, without those that tests ask for. */
  kinds(...wanted) {
    const kinds = this.events.map(({ ev }) => ev).filter((ev) => !['ready', 'sync', 'state'].includes(ev));
    return wanted.length ? kinds.filter((ev) => wanted.includes(ev)) : kinds;
  }

  of(ev, fields = {}) {
    return this.events.filter((event) => event.ev === ev && includes(event, fields));
  }

  /** Ends the input; the driver has to end as well. */
  async exit() {
    this.child.stdin.end();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), patience);
    const status = await this.exited;
    clearTimeout(timer);
    assert.equal(status, 0, 'the driver ends with status 0');
  }

  async stop() {
    if (this.#died !== undefined) return;
    this.child.stdin.end();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 5_000);
    await this.exited;
    clearTimeout(timer);
  }

  #take(event) {
    this.events.push(event);
    const found = this.#waiting.findIndex(({ matches }) => matches(event));
    if (found >= 0) {
      this.#waiting.splice(found, 1)[0].resolve(event);
      return;
    }
    this.#unread.push(event);
    if (event.error === 'unsupported') {
      const error = new Unsupported(`unsupported: ${event.option ?? event.op}`);
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    }
  }

  #end(resolve, status) {
    this.#died = status;
    for (const { reject } of this.#waiting.splice(0)) reject(new Error(`the driver is gone (${status})`));
    resolve(status);
  }
}

/** Whether all `fields` are those of `object`. */
function includes(object, fields) {
  return Object.entries(fields).every(([key, value]) => {
    try {
      assert.deepEqual(object[key], value);
      return true;
    } catch {
      return false;
    }
  });
}

export function binary(bytes) {
  return { $bin: Buffer.from(bytes).toString('base64') };
}

/** Waits until `test` returns something that is true. */
export async function until(test, what) {
  const end = Date.now() + patience;
  for (;;) {
    const value = await test();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what} did not happen`);
    await pause(10);
  }
}

export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
