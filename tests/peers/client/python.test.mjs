// Against the servers of python-socketio, in processes of their own.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { binary, check } from './driver.mjs';

const program = fileURLToPath(new URL('../python/server.py', import.meta.url));
const kinds = {
  async: { polling: ['polling'], websocket: ['websocket'], upgrade: ['polling', 'websocket'] },
  threads: { polling: ['polling'] },
};

for (const [kind, lanes] of Object.entries(kinds)) {
  let [child, url] = [];

  before(async () => {
    child = spawn(process.env.PYTHON ?? 'python3', [program, kind], { stdio: ['ignore', 'pipe', 'inherit'] });
    [url] = await once(createInterface({ input: child.stdout }), 'line');
  });
  after(() => child.kill());

  for (const [lane, transports] of Object.entries(lanes)) {
    const where = `[${kind}, ${lane}]`;
    const join = async (start, opts = {}) => {
      const driver = await start().open(url, { transports, ...opts });
      driver.send('connect', { auth: { token: 'x' } });
      await driver.wait('connected', { nsp: '/' });
      return driver;
    };

    check(`python: a session opens, carries auth, and closes ${where}`, async (start) => {
      const driver = await join(start);
      assert.deepEqual((await driver.wait('event', { name: 'welcome' })).args, [{ token: 'x' }]);
      if (lane === 'upgrade') await driver.wait('upgrade');
      await driver.exit();
    });

    check(`python: events and acknowledgements go both ways ${where}`, async (start) => {
      const driver = await join(start);
      const values = [null, true, 1.5, 'ü世', [], { a: [binary([1, 2]), { b: binary([]) }] }];
      driver.send('emit', { event: 'echo', args: values });
      assert.deepEqual((await driver.wait('event', { name: 'echo' })).args, values);
      driver.send('emit', { event: 'reply', args: [1, binary([9])], ack: 'some' });
      driver.send('emit', { event: 'reply', args: [], ack: 'none' });
      assert.deepEqual((await driver.wait('ack', { tag: 'some' })).args, [1, binary([9])]);
      assert.deepEqual((await driver.wait('ack', { tag: 'none' })).args, []);
      driver.send('answer', { event: 'question', args: ['yes'] }).send('emit', { event: 'ask', args: ['question', 1] });
      assert.deepEqual((await driver.wait('event', { name: 'question' })).args, [1]);
      assert.deepEqual((await driver.wait('event', { name: 'asked' })).args, ['yes']);
    });

    check(`python: large messages ${where}`, async (start) => {
      const driver = await join(start);
      // On aiohttp, python-engineio takes the first piece of a large POST for the whole.
      const size = lane === 'polling' ? 5_000 : 200_000;
      const values = ['x'.repeat(size), binary(Buffer.alloc(size, 7))];
      driver.send('emit', { event: 'reply', args: values, ack: 'large' });
      assert.deepEqual((await driver.wait('ack', { tag: 'large' })).args, values);
      driver.send('emit', { event: 'large', args: [500_000], ack: 'larger' });
      assert.deepEqual((await driver.wait('ack', { tag: 'larger' })).args, ['x'.repeat(500_000), binary(Buffer.alloc(500_000))]);
    });

    check(`python: namespaces, and one that is refused ${where}`, async (start) => {
      const driver = await join(start);
      driver.send('connect', { nsp: '/a' }).send('connect', { nsp: '/strict' }).send('connect', { nsp: '/none' });
      await driver.wait('connected', { nsp: '/a' });
      const refused = await driver.wait('connect_error', { nsp: '/strict' });
      assert.deepEqual([refused.kind, refused.message, refused.data], ['refused', 'not authorized', { code: 401 }]);
      await driver.wait('connect_error', { nsp: '/none', kind: 'refused' });
      driver.send('set', { nsp: '/strict', opts: { auth: { token: 'secret' } } }).send('connect', { nsp: '/strict' });
      await driver.wait('connected', { nsp: '/strict' });
      driver.send('emit', { nsp: '/a', event: 'echo', args: ['a'] });
      await driver.wait('event', { nsp: '/a', name: 'echo', args: ['a'] });
    });

    check(`python: being put out, and coming back after a loss ${where}`, async (start) => {
      const driver = await join(start);
      driver.send('emit', { event: 'cut' });
      await driver.wait('disconnected', { reconnects: true });
      await driver.wait('connected');
      driver.send('emit', { event: 'leave' });
      await driver.wait('disconnected', { reason: 'io server disconnect', reconnects: false });
    });
  }
}
