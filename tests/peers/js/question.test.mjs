// A question put to a whole room.

import assert from 'node:assert/strict';
import { onEveryLane, word } from './support.mjs';

onEveryLane('room-ask gathers the reply of every member', async (peer) => {
  const { clients, witness } = await peer.circle(3);
  for (const [i, client] of clients.entries()) {
    client.socket.on('room-question', (value, reply) => reply(`${value}-${i}`, 'ignored'));
  }
  assert.deepEqual(await clients[1].ask('room-ask', witness, 10_000, 'v'), [false, ['v-0', 'v-1', 'v-2']]);
});

onEveryLane('room-ask from outside the room does not ask the sender', async (peer) => {
  const { clients, witness } = await peer.circle(2);
  for (const client of clients) client.socket.on('room-question', (value, reply) => reply(value));
  const outsider = await peer.connect();
  assert.deepEqual(await outsider.ask('room-ask', witness, 10_000, 'same'), [false, ['same', 'same']]);
  assert.deepEqual(outsider.all('room-question'), []);
});

onEveryLane('room-ask tells when a member stayed silent', async (peer) => {
  const { clients, witness } = await peer.circle(3);
  clients[0].socket.on('room-question', (_, reply) => reply('b'));
  clients[1].socket.on('room-question', () => {});
  clients[2].socket.on('room-question', (_, reply) => reply('a'));
  assert.deepEqual(await clients[0].ask('room-ask', witness, 600, 'v'), [true, ['a', 'b']]);
});

onEveryLane('room-ask answers at once for an empty room', async (peer) => {
  const client = await peer.connect();
  assert.deepEqual(await client.ask('room-ask', word('empty'), 60_000, 'v'), [false, []]);
});
