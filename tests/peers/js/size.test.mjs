// How large a message may be.

import assert from 'node:assert/strict';
import { onEveryLane, onLanes, pattern, steadyLanes, withPeer } from './support.mjs';
import { PollingWire, SocketWire } from './wire.mjs';

const maxPayload = 1_000_000;

/** What fits into one message once base64 is counted. */
function binaryLimit({ name }) {
  return name === 'websocket' || name === 'upgraded' ? 900_000 : 700_000;
}

onEveryLane('text of 900 000 bytes reaches the server', async (peer) => {
  const client = await peer.connect();
  assert.deepEqual(await client.ask('length', 'a'.repeat(900_000)), [900_000]);
  assert.deepEqual(await client.ask('length', '世'.repeat(300_000)), [900_000]);
});

onEveryLane('text of 900 000 bytes comes back', async (peer) => {
  const client = await peer.connect();
  const text = 'aü世🦀'.repeat(90_000);
  client.emit('message', text);
  const [back] = await client.heard('message-back');
  assert.ok(back === text);
});

onEveryLane('binary up to the limit of the transport reaches the server and comes back', async (peer) => {
  const client = await peer.connect();
  const bytes = pattern(binaryLimit(peer.lane));
  assert.deepEqual(await client.ask('length', bytes), [bytes.length]);
  const [back] = await client.ask('message-with-ack', bytes);
  assert.ok(bytes.equals(back));
});

onEveryLane('many large messages in a row all arrive', async (peer) => {
  const client = await peer.connect();
  const sizes = Array.from({ length: 8 }, (_, i) => 300_000 + i);
  const lengths = await Promise.all(sizes.map((size) => client.ask('length', 'y'.repeat(size))));
  assert.deepEqual(lengths.flat(), sizes);
});

onEveryLane('text of 3 000 000 bytes reaches the client', async (peer) => {
  const client = await peer.connect();
  const [text] = await client.ask('get-string', 3_000_000);
  assert.ok(text === 'x'.repeat(3_000_000));
});

onEveryLane('binary of 2 000 000 bytes reaches the client', async (peer) => {
  const client = await peer.connect();
  const [bytes] = await client.ask('get-bytes', 2_000_000);
  assert.ok(pattern(2_000_000).equals(bytes));
});

onLanes(steadyLanes, 'text above maxPayload ends the connection and nothing else', async (peer) => {
  const [client, bystander] = [await peer.connect(), await peer.connect()];
  client.emit('message', 'x'.repeat(1_200_000));
  await client.reason();
  assert.deepEqual(client.all('message-back'), []);
  assert.deepEqual(await bystander.ask('message-with-ack', 'alive'), ['alive']);
  const again = await peer.connect();
  assert.deepEqual(await again.ask('message-with-ack', 'back'), ['back']);
});

onLanes(steadyLanes, 'binary above maxPayload ends the connection and nothing else', async (peer) => {
  const [client, bystander] = [await peer.connect(), await peer.connect()];
  client.emit('message', pattern(1_200_000));
  await client.reason();
  assert.deepEqual(await bystander.ask('message-with-ack', 'alive'), ['alive']);
});

withPeer('a WebSocket message of exactly maxPayload passes', 'websocket', async () => {
  const wire = await SocketWire.open();
  await wire.join();
  wire.send(filled('420["length","', maxPayload));
  assert.match(await wire.packet((packet) => packet.startsWith('430')), /^430\[\d+\]$/);
  wire.cut();
});

withPeer('a WebSocket message above maxPayload is closed with 1009', 'websocket', async () => {
  const wire = await SocketWire.open();
  await wire.join();
  wire.send(filled('420["length","', maxPayload + 2));
  assert.equal(await wire.closed(), 1009);
});

withPeer('a POST of exactly maxPayload passes', 'polling', async () => {
  const wire = await PollingWire.open();
  await wire.join();
  assert.equal((await wire.post(filled('420["length","', maxPayload))).status, 200);
  assert.match(await wire.packet((packet) => packet.startsWith('430')), /^430\[\d+\]$/);
  await wire.post('1');
});

withPeer('a POST above maxPayload is answered with 413 and ends the session', 'polling', async () => {
  const wire = await PollingWire.open();
  await wire.join();
  assert.equal((await wire.post(filled('420["length","', maxPayload + 2))).status, 413);
  assert.equal((await wire.gone()).status, 400);
});

/** A packet padded to `size` bytes. */
function filled(head, size) {
  return `${head}${'x'.repeat(size - head.length - 2)}"]`;
}
