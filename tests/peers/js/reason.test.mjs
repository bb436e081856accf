// Why the server says a socket is gone.

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { onEveryLane, onLanes, reasonOf, steadyLanes, withPeer, word } from './support.mjs';
import { PollingWire, SocketWire } from './wire.mjs';

onEveryLane('a socket that is alive or unknown has no reason', async (peer) => {
  const client = await peer.connect();
  assert.deepEqual(await client.ask('disconnect-reason', client.id), [null]);
  assert.deepEqual(await client.ask('disconnect-reason', word('nobody')), [null]);
});

onEveryLane('leaving one of two namespaces is a client namespace disconnect', async (peer) => {
  const root = await peer.connect();
  const custom = await peer.connect('/custom', { manager: root.manager });
  const observer = await peer.connect('/custom');
  const { id } = custom;
  custom.socket.disconnect();
  assert.equal(await reasonOf(id, observer), 'client namespace disconnect');
  assert.deepEqual(await root.ask('message-with-ack', 'alive'), ['alive']);
});

onLanes(steadyLanes, 'leaving the last namespace is a client namespace disconnect', async (peer) => {
  const client = await peer.connect();
  const observer = await peer.connect();
  const { id } = client;
  client.socket.disconnect();
  assert.equal(await reasonOf(id, observer), 'client namespace disconnect');
});

onLanes(steadyLanes, 'closing the transport is a transport close in every namespace', async (peer) => {
  const root = await peer.connect();
  const custom = await peer.connect('/custom', { manager: root.manager });
  const observers = [await peer.connect(), await peer.connect('/custom')];
  const ids = [root.id, custom.id];
  root.manager.engine.close();
  assert.equal(await reasonOf(ids[0], observers[0]), 'transport close');
  assert.equal(await reasonOf(ids[1], observers[1]), 'transport close');
});

onEveryLane('disconnect-me is a server namespace disconnect', async (peer) => {
  const observer = await peer.connect();
  for (const everything of [false, true]) {
    const client = await peer.connect();
    const { id } = client;
    client.emit('disconnect-me', everything);
    assert.equal(await reasonOf(id, observer), 'server namespace disconnect');
  }
});

onEveryLane('room-disconnect is a server namespace disconnect', async (peer) => {
  const [client, observer] = [await peer.connect(), await peer.connect()];
  const { id } = client;
  const room = word('doomed');
  await client.ask('join', room);
  observer.emit('room-disconnect', room);
  assert.equal(await reasonOf(id, observer), 'server namespace disconnect');
});

onEveryLane('a reason is told in the namespace of the socket only', async (peer) => {
  const client = await peer.connect('/custom');
  const [here, elsewhere] = [await peer.connect('/custom'), await peer.connect()];
  const { id } = client;
  client.socket.disconnect();
  await reasonOf(id, here);
  assert.deepEqual(await elsewhere.ask('disconnect-reason', id), [null]);
});

describe('pings', { concurrency: true }, () => {
  withPeer('a WebSocket that stops answering pings is a ping timeout', 'websocket', async (peer) => {
    const observer = await peer.connect();
    const wire = await SocketWire.open({ pong: false });
    const id = await wire.join();
    assert.equal(await reasonOf(id, observer), 'ping timeout');
    await wire.closed();
  });

  withPeer('a polling client that stops answering pings is a ping timeout', 'polling', async (peer) => {
    const observer = await peer.connect();
    const wire = await PollingWire.open();
    const id = await wire.join();
    await wire.gone({ pong: false });
    assert.equal(await reasonOf(id, observer), 'ping timeout');
  });

  withPeer('a polling client that stops polling is a ping timeout', 'polling', async (peer) => {
    const observer = await peer.connect();
    const wire = await PollingWire.open();
    const id = await wire.join();
    assert.equal(await reasonOf(id, observer), 'ping timeout');
  });

  withPeer('an upgraded client that stops answering pings is a ping timeout', 'upgraded', async (peer) => {
    const observer = await peer.connect();
    const polling = await PollingWire.open();
    const id = await polling.join();
    const wire = await polling.upgrade({ pong: false });
    assert.equal(await reasonOf(id, observer), 'ping timeout');
    await wire.closed();
  });
});

withPeer('a WebSocket cut off without a close frame is noticed before a ping is missed', 'websocket', async (peer) => {
  const observer = await peer.connect();
  const wire = await SocketWire.open();
  const id = await wire.join();
  wire.cut();
  const reason = await reasonOf(id, observer, 5000);
  assert.ok(['transport close', 'transport error'].includes(reason), reason);
});

withPeer('an upgraded WebSocket cut off without a close frame is noticed before a ping is missed', 'upgraded', async (peer) => {
  const observer = await peer.connect();
  const polling = await PollingWire.open();
  const id = await polling.join();
  const wire = await polling.upgrade();
  wire.cut();
  const reason = await reasonOf(id, observer, 5000);
  assert.ok(['transport close', 'transport error'].includes(reason), reason);
});
