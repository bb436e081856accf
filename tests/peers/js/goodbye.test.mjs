// How connections end when the server ends them.

import assert from 'node:assert/strict';
import { onEveryLane, onLanes, steadyLanes, within, withPeer } from './support.mjs';
import { PollingWire, SocketWire } from './wire.mjs';

onEveryLane('disconnect-me(false) ends one namespace of the connection', async (peer) => {
  const root = await peer.connect();
  const custom = await peer.connect('/custom', { manager: root.manager });
  custom.emit('disconnect-me', false);
  assert.equal(await custom.reason(), 'io server disconnect');
  assert.deepEqual(await root.ask('message-with-ack', 'alive'), ['alive']);
  assert.equal(custom.socket.connected, false);
});

onEveryLane('a client may join again after disconnect-me(false)', async (peer) => {
  const root = await peer.connect();
  const custom = await peer.connect('/custom', { manager: root.manager });
  const { id } = custom;
  custom.emit('disconnect-me', false);
  await custom.reason();
  custom.socket.connect();
  await custom.joined();
  assert.notEqual(custom.id, id);
  assert.deepEqual(await custom.ask('message-with-ack', 'again'), ['again']);
});

onEveryLane('disconnect-me(true) ends every namespace and the connection', async (peer) => {
  const root = await peer.connect();
  const custom = await peer.connect('/custom', { manager: root.manager });
  const closed = new Promise((resolve) => root.manager.once('close', resolve));
  root.emit('disconnect-me', true);
  assert.equal(await root.reason(), 'io server disconnect');
  assert.equal(await custom.reason(), 'io server disconnect');
  await within(closed, () => 'the connection to close');
});

withPeer('disconnect-me(true) closes the WebSocket from the server', 'websocket', async () => {
  const wire = await SocketWire.open();
  await wire.join();
  await wire.join('/custom');
  wire.send('42["disconnect-me",true]');
  await wire.packet((packet) => packet === '41' || packet === '41/custom,');
  await wire.closed();
});

withPeer('disconnect-me(true) closes the polling session from the server', 'polling', async () => {
  const wire = await PollingWire.open();
  await wire.join();
  await wire.post('42["disconnect-me",true]');
  await wire.packet((packet) => packet === '41');
  assert.equal((await wire.gone()).status, 400);
});

onLanes(steadyLanes, 'disconnect-me(false) keeps the transport', async (peer) => {
  const client = await peer.connect('/custom');
  const root = await peer.connect('/', { manager: client.manager });
  client.emit('disconnect-me', false);
  await client.reason();
  await root.ask('message-with-ack');
  assert.equal(client.manager.engine.readyState, 'open');
});

onEveryLane('drop-transport is a transport close for the client', async (peer) => {
  const root = await peer.connect();
  const custom = await peer.connect('/custom', { manager: root.manager });
  custom.emit('drop-transport');
  assert.equal(await root.reason(), 'transport close');
  assert.equal(await custom.reason(), 'transport close');
});

onLanes(steadyLanes, 'a client that reconnects after drop-transport has a new id', async (peer) => {
  const client = await peer.connect('/', { reconnection: true, reconnectionDelay: 10 });
  const { id } = client;
  const returned = new Promise((resolve) => client.socket.once('connect', resolve));
  client.emit('drop-transport');
  assert.equal(await client.reason(), 'transport close');
  await within(returned, () => 'the client to reconnect');
  assert.notEqual(client.id, id);
  assert.ok(!client.socket.recovered);
  assert.deepEqual(await client.ask('message-with-ack', 'back'), ['back']);
});

withPeer('drop-transport sends no DISCONNECT packet', 'websocket', async () => {
  const wire = await SocketWire.open();
  await wire.join();
  wire.send('42["drop-transport"]');
  await assert.rejects(wire.packet((packet) => packet.startsWith('41')), /closed/);
});
