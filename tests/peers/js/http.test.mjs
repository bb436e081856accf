// Answers to plain HTTP.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { url, within } from './support.mjs';
import { exchange, PollingWire, SocketWire } from './wire.mjs';

const polling = '/socket.io/?EIO=4&transport=polling';

test('GET /health is ok', async () => {
  const { status, text } = await exchange('GET', '/health');
  assert.deepEqual([status, text], [200, 'ok']);
});

for (const path of ['/', '/nope', '/health/x', '/socket.iox/?EIO=4&transport=polling', '/engine.io/?EIO=4&transport=polling']) {
  test(`GET ${path} is 404`, async () => {
    assert.equal((await exchange('GET', path)).status, 404);
  });
}

test('POST to a path outside is 404', async () => {
  assert.equal((await exchange('POST', '/nope', { body: 'x' })).status, 404);
});

// The JavaScript server's words, and a hint of ours.
function refused(answer, code, message) {
  const { hint, ...rest } = JSON.parse(answer.text);
  assert.deepEqual(rest, { code, message });
  assert.ok(hint === undefined || hint.length > 10, hint);
}

for (const [what, method, path, code, message] of [
  ['an unknown transport', 'GET', '/socket.io/?EIO=4&transport=pigeon', 0, 'Transport unknown'],
  ['a missing transport', 'GET', '/socket.io/?EIO=4', 0, 'Transport unknown'],
  ['a missing query', 'GET', '/socket.io/', 0, 'Transport unknown'],
  ['a transport named like a JavaScript property', 'GET', '/socket.io/?EIO=4&transport=constructor', 0, 'Transport unknown'],
  ['a GET with an unknown session id', 'GET', `${polling}&sid=nobody`, 1, 'Session ID unknown'],
  ['a POST with an unknown session id', 'POST', `${polling}&sid=nobody`, 1, 'Session ID unknown'],
  ['a handshake by POST', 'POST', polling, 2, 'Bad handshake method'],
  ['a handshake by PUT', 'PUT', polling, 2, 'Bad handshake method'],
  ['a handshake by DELETE', 'DELETE', polling, 2, 'Bad handshake method'],
  ['a WebSocket handshake without Upgrade', 'GET', '/socket.io/?EIO=4&transport=websocket', 3, 'Bad request'],
  ['an unknown revision', 'GET', '/socket.io/?EIO=99&transport=polling', 5, 'Unsupported protocol version'],
  ['a revision that is no number', 'GET', '/socket.io/?EIO=abc&transport=polling', 5, 'Unsupported protocol version'],
]) {
  test(`${what} is 400 with code ${code}`, async () => {
    const answer = await exchange(method, path, { body: method === 'GET' ? undefined : '40' });
    assert.equal(answer.status, 400);
    assert.match(answer.type, /^application\/json/i);
    refused(answer, code, message);
  });
}

test('polling on a WebSocket session is 400 with code 3', async () => {
  const wire = await SocketWire.open();
  const answer = await exchange('GET', `${polling}&sid=${wire.handshake.sid}`);
  assert.equal(answer.status, 400);
  refused(answer, 3, 'Bad request');
  wire.cut();
});

test('a WebSocket for an unknown session is refused with 400', async () => {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/socket.io/?EIO=4&transport=websocket&sid=nobody`);
  const status = new Promise((resolve, reject) => {
    socket.once('unexpected-response', (_, response) => resolve(response.statusCode));
    socket.once('open', () => reject(new Error('accepted')));
    socket.on('error', reject);
  });
  assert.equal(await within(status, () => 'an answer'), 400);
  socket.terminate();
});

test('the polling handshake offers the upgrade and the settings', async () => {
  const { sid, ...settings } = (await PollingWire.open()).handshake;
  assert.ok(typeof sid === 'string' && sid.length > 0);
  assert.deepEqual(settings, {
    upgrades: ['websocket'],
    pingInterval: 1000,
    pingTimeout: 10_000,
    maxPayload: 1_000_000,
  });
});

test('the WebSocket handshake offers no upgrade', async () => {
  const wire = await SocketWire.open();
  assert.deepEqual(wire.handshake.upgrades, []);
  wire.cut();
});

test('polling answers are text/plain in UTF-8', async () => {
  const answer = await exchange('GET', polling);
  assert.equal(answer.status, 200);
  assert.match(answer.type, /^text\/plain; ?charset=utf-8$/i);
  const wire = new PollingWire(JSON.parse(answer.text.slice(1)));
  await wire.post('40');
  assert.match((await wire.get()).type, /^text\/plain; ?charset=utf-8$/i);
  await wire.post('1');
});

test('a parameter may carry anything', async () => {
  const answer = await exchange('GET', `${polling}&t=abc&odd=%ff%00&=&&x`);
  assert.equal(answer.status, 200);
});

test('the CONNECT reply carries the id whoami tells', async () => {
  const wire = await SocketWire.open();
  const sid = await wire.join();
  wire.send('420["whoami"]');
  const [me] = JSON.parse((await wire.packet((packet) => packet.startsWith('430'))).slice(3));
  assert.equal(me.sid, sid);
  wire.cut();
});

test('a refusal of an unknown namespace is exact on the wire', async () => {
  const wire = await SocketWire.open();
  wire.send('40/nope,');
  assert.equal(await wire.packet((packet) => packet.startsWith('44')), '44/nope,{"message":"Invalid namespace"}');
  wire.cut();
});
