// Connection state recovery, against a server that has it on.

import assert from 'node:assert/strict';
import { onLanes, lanes, steadyLanes, within, withPeer, word } from './support.mjs';
import { SocketWire } from './wire.mjs';

const options = { reconnection: true, reconnectionDelay: 300, reconnectionDelayMax: 300, randomizationFactor: 0 };

/** A client in a room, with an offset; its connection comes back 300 ms after it is lost. */
async function member(peer, room) {
  const client = await peer.connect('/', options);
  await client.ask('join', room);
  client.emit('room-emit', room, 'first');
  await client.heard('room-msg', (first) => first === 'first');
  return client;
}

function connected(client) {
  return within(new Promise((resolve) => client.socket.once('connect', resolve)), () => 'the client to reconnect');
}

onLanes(lanes.filter(({ name }) => name !== 'upgrading'), 'a client whose transport is killed is recovered', async (peer) => {
  const room = word('room');
  const client = await member(peer, room);
  const other = await peer.connect();
  const { id } = client;
  assert.ok(!client.socket.recovered);
  const back = connected(client);
  client.emit('drop-transport');
  assert.equal(await client.reason(), 'transport close');
  for (let n = 0; n < 3; n += 1) other.emit('room-emit', room, `missed ${n}`);
  await back;
  assert.equal(client.id, id);
  assert.equal(client.socket.recovered, true);
  other.emit('room-emit', room, 'after');
  await client.heard('room-msg', (first) => first === 'after');
  const heard = client.all('room-msg').map(([first]) => first);
  assert.deepEqual(heard, ['first', 'missed 0', 'missed 1', 'missed 2', 'after']);
});

onLanes(steadyLanes, 'a client is recovered again and again', async (peer) => {
  const room = word('room');
  const client = await member(peer, room);
  const { id } = client;
  for (let n = 0; n < 3; n += 1) {
    const back = connected(client);
    client.emit('drop-transport');
    await back;
    assert.deepEqual([client.id, client.socket.recovered], [id, true]);
  }
});

withPeer('a client that disconnects is not recovered', 'websocket', async (peer) => {
  const client = await member(peer, word('room'));
  const { id } = client;
  client.socket.disconnect();
  const back = connected(client);
  client.socket.connect();
  await back;
  assert.notEqual(client.id, id);
  assert.ok(!client.socket.recovered);
});

withPeer('an unknown private id begins a new session', 'websocket', async (peer, t) => {
  const wire = await SocketWire.open();
  t.after(() => wire.cut());
  wire.send('40{"pid":"AAAAAAAAAAAAAAAAAAAAAAAA","offset":"000000000000.0"}');
  const answer = await wire.packet((packet) => packet.startsWith('40{'));
  const { sid, pid } = JSON.parse(answer.slice(2));
  assert.equal(typeof sid, 'string');
  assert.notEqual(pid, 'AAAAAAAAAAAAAAAAAAAAAAAA');
});
