// The JavaScript client in a real browser, by WebTransport: from the start, and as an upgrade from polling.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { chromium } from 'playwright-core';
import { io } from 'socket.io-client';

const url = process.env.WEBTRANSPORT_URL ?? 'http://127.0.0.1:3000';
const hash = process.env.WEBTRANSPORT_HASH;
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const client = join(dirname(createRequire(import.meta.url).resolve('socket.io-client/package.json')), 'dist/socket.io.js');
const patience = 30_000;

// Without these flags the browser calls home and, as root, does not start.
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Connects a client in the page by these transports, and keeps what happens to it in `window.seen`. */
async function connect(page, transports) {
  await page.evaluate(
    ([hash, transports]) => {
      const value = Uint8Array.from(atob(hash), (char) => char.charCodeAt(0));
      const serverCertificateHashes = [{ algorithm: 'sha-256', value }];
      const transportOptions = { webtransport: { serverCertificateHashes } };
      window.socket = window.io({ transports, transportOptions, reconnection: false, forceNew: true });
      window.seen = { said: [], left: [], errors: [] };
      window.socket.on('said', (text) => window.seen.said.push(text));
      window.socket.on('disconnect', (reason) => window.seen.left.push(reason));
      window.socket.on('connect_error', (error) => window.seen.errors.push(String(error)));
    },
    [hash, transports],
  );
  await page.waitForFunction(() => window.socket.connected || window.seen.errors.length > 0);
  assert.deepEqual(await page.evaluate(() => window.seen.errors), []);
}

const transport = (page) => page.evaluate(() => window.socket.io.engine.transport.name);

const left = async (page) => {
  await page.waitForFunction(() => window.seen.left.length > 0);
  return page.evaluate(() => window.seen.left);
};

/** Echoes a value, in which bytes are written as arrays behind `bytes`. */
const echo = (page, value) =>
  page.evaluate(
    (value) =>
      new Promise((resolve) => {
        const own = value?.bytes ? Uint8Array.from(value.bytes) : value?.zeros ? new Uint8Array(value.zeros) : value;
        window.socket.once('echoed', (back) =>
          resolve(back instanceof ArrayBuffer ? { length: back.byteLength, bytes: [...new Uint8Array(back).slice(0, 3)] } : back),
        );
        window.socket.emit('echo', own);
      }),
    value,
  );

async function converse(page) {
  assert.equal(await transport(page), 'webtransport');
  assert.equal(await page.evaluate(() => window.socket.emitWithAck('transport')), 'webtransport');
  assert.equal(await echo(page, 'grüße 🙂'), 'grüße 🙂');
  const long = 'x'.repeat(300_000);
  assert.equal(await echo(page, long), long);
  assert.deepEqual(await echo(page, { bytes: [1, 2, 255] }), { length: 3, bytes: [1, 2, 255] });
  assert.deepEqual(await echo(page, { zeros: 200_000 }), { length: 200_000, bytes: [0, 0, 0] });
}

const checks = {
  async 'a session begins by WebTransport'(page) {
    await connect(page, ['webtransport']);
    await converse(page);
  },

  async 'a session moves from polling to WebTransport'(page) {
    await connect(page, ['polling', 'webtransport']);
    await page.waitForFunction(() => window.socket.io.engine.transport.name === 'webtransport');
    await converse(page);
  },

  async 'with all transports it goes before WebSocket'(page) {
    await connect(page, ['polling', 'websocket', 'webtransport']);
    await page.waitForFunction(() => window.socket.io.engine.transport.name === 'webtransport');
    await converse(page);
  },

  async 'broadcasts cross transports'(page) {
    await connect(page, ['webtransport']);
    const other = io(url, { transports: ['websocket'], forceNew: true, reconnection: false });
    try {
      await new Promise((resolve, reject) => other.on('connect', resolve).on('connect_error', reject));
      const said = new Promise((resolve) => other.on('said', resolve));
      await page.evaluate(() => window.socket.emit('say', 'from the page'));
      assert.equal(await said, 'from the page');
      other.emit('say', 'to the page');
      await page.waitForFunction(() => window.seen.said.length > 0);
      assert.deepEqual(await page.evaluate(() => window.seen.said), ['to the page']);
    } finally {
      other.close();
    }
  },

  async 'the server closes the connection'(page) {
    await connect(page, ['webtransport']);
    await page.evaluate(() => window.socket.emit('leave'));
    // A browser that is slow sees the end of the connection, an error, before that of the session.
    const reasons = await left(page);
    assert.match(reasons.join(), /^transport (close|error)$/);
  },

  async 'the server disconnects the client'(page) {
    await connect(page, ['webtransport']);
    await page.evaluate(() => window.socket.emit('kick'));
    assert.deepEqual(await left(page), ['io server disconnect']);
  },

  async 'the server hears that the client closes'(page) {
    await connect(page, ['webtransport']);
    const other = io(url, { transports: ['websocket'], forceNew: true, reconnection: false });
    try {
      await new Promise((resolve, reject) => other.on('connect', resolve).on('connect_error', reject));
      const id = await page.evaluate(() => window.socket.id);
      const gone = new Promise((resolve) => other.on('left', (who) => who === id && resolve()));
      await page.evaluate(() => window.socket.disconnect());
      assert.deepEqual(await left(page), ['io client disconnect']);
      await gone;
    } finally {
      other.close();
    }
  },

  async 'the server hears that the page is gone'(page) {
    await connect(page, ['webtransport']);
    const other = io(url, { transports: ['websocket'], forceNew: true, reconnection: false });
    try {
      await new Promise((resolve, reject) => other.on('connect', resolve).on('connect_error', reject));
      const id = await page.evaluate(() => window.socket.id);
      const gone = new Promise((resolve) => other.on('left', (who) => who === id && resolve()));
      await page.close();
      await gone;
    } finally {
      other.close();
    }
  },
};

let passed = 0;
let failed = 0;
const browser = await chromium.launch({ executablePath, args });
try {
  for (const [name, check] of Object.entries(checks)) {
    const context = await browser.newContext();
    const page = await context.newPage();
    page.setDefaultTimeout(patience);
    const late = new Promise((_, reject) => setTimeout(reject, patience, new Error('it took too long')).unref());
    try {
      await page.goto(url);
      await page.addScriptTag({ path: client });
      await Promise.race([check(page), late]);
      passed += 1;
      console.log(`ok ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`not ok ${name}: ${error?.stack ?? error}`);
    } finally {
      await context.close();
    }
  }
} finally {
  await browser.close();
}
console.log(`webtransport: ${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
