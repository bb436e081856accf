// What stock clients do that ours would not, with the options they have for it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onEveryLane, onLanes, pattern, steadyLanes, withPeer, within, word } from './support.mjs';
import { exchange, PollingWire } from './wire.mjs';

withPeer('a message above maxPayload on polling is a transport error with status 413', 'polling', async (peer) => {
  // Whichever of POST and poll is answered first.
  for (let i = 0; i < 5; i++) {
    const client = await peer.connect();
    // Between two polls, it would learn only that the session is gone.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const ended = within(
      new Promise((resolve) => client.socket.once('disconnect', (reason, details) => resolve([reason, details]))),
      () => 'disconnect',
    );
    client.emit('message', 'x'.repeat(1_200_000));
    const [reason, details] = await ended;
    assert.equal(reason, 'transport error');
    assert.deepEqual([details.description, details.context.status], [413, 413]);
  }
});

onLanes(steadyLanes, 'a client that offers subprotocols connects and upgrades', async (peer) => {
  const client = await peer.connect('/', { protocols: ['my-app', 'other'] });
  assert.deepEqual(await client.ask('message-with-ack', 'hi'), ['hi']);
  const { transport } = client.manager.engine;
  if (transport.name === 'websocket') assert.equal(transport.ws.protocol, 'my-app');
});

onEveryLane('a client that sends binary as base64 everywhere is understood', async (peer) => {
  const client = await peer.connect('/', { forceBase64: true });
  for (const length of [0, 1, 2, 3, 1000]) {
    const [back] = await client.ask('message-with-ack', pattern(length));
    assert.ok(pattern(length).equals(back));
  }
});

onEveryLane('namespaces asked for at once, and one of them twice, are all joined once', async (peer) => {
  const manager = peer.manager();
  const clients = ['/', '/custom', '/slow'].map((nsp) => peer.start(nsp, { manager }));
  await Promise.all(clients.map((client) => client.joined()));
  const nsp = `/dyn-${parseInt(word('').slice(1, 8), 16)}`;
  const late = peer.start(nsp, { manager });
  let joins = 0;
  late.socket.on('connect', () => joins++);
  late.socket.connect();
  await late.joined();
  late.socket.connect();
  assert.deepEqual(await late.ask('message-with-ack', 'hi'), ['hi']);
  assert.equal(joins, 1);
  for (const client of clients) assert.ok(client.socket.connected);
});

onEveryLane('a client that connects, disconnects and connects a namespace in one go is in', async (peer) => {
  const manager = peer.manager();
  const main = peer.start('/', { manager });
  await main.joined();
  const client = peer.start('/custom', { manager });
  client.socket.disconnect();
  client.socket.connect();
  await client.joined();
  client.socket.disconnect();
  client.socket.connect();
  await client.joined();
  assert.deepEqual(await client.ask('message-with-ack', 'hi'), ['hi']);
  assert.ok(main.socket.connected);
});

withPeer('base64 of a Java client, wrapped and with a line break at the end, is read', 'polling', async () => {
  const wire = await PollingWire.open();
  await wire.join();
  const post = (n, base64) =>
    wire.post(`451-${n}["binary-sizes",{"_placeholder":true,"num":0}]\x1eb${base64}`);
  const wrapped = pattern(100).toString('base64').replace(/.{76}/g, '$&\n');
  for (const [n, [base64, size]] of [
    ['AAEC\n', 3],
    [`${wrapped}\n`, 100],
    [`${wrapped.replaceAll('\n', '\r\n')}\r\n`, 100],
    [pattern(100).toString('base64url'), 100],
  ].entries()) {
    assert.equal((await post(n, base64)).status, 200);
    assert.equal(await wire.packet((packet) => packet.startsWith(`43${n}`)), `43${n}[[${size}]]`);
  }
  await wire.post('1');
});

test('an empty sid opens a session', async () => {
  const { status, text } = await exchange('GET', '/socket.io/?EIO=4&transport=polling&sid=');
  assert.deepEqual([status, text[0]], [200, '0']);
});

test('a function of JSONP that is no number is refused with a hint', async () => {
  const { status, text } = await exchange('GET', '/socket.io/?EIO=4&transport=polling&j=a');
  assert.equal(status, 400);
  const { code, hint } = JSON.parse(text);
  assert.equal(code, 3);
  assert.match(hint, /parameter j/);
});
