// What a whole namespace hears.

import assert from 'node:assert/strict';
import { eventually, onEveryLane, pattern, word } from './support.mjs';

onEveryLane('broadcast reaches everyone but the sender', async (peer) => {
  const circle = await peer.circle(3);
  const [a] = circle.clients;
  const mark = word('m');
  await circle.expect(a, () => a.emit('broadcast', mark, { x: 1 }), 'broadcast-msg', [mark, { x: 1 }], [0, 1, 1]);
});

onEveryLane('emit-all reaches everyone', async (peer) => {
  const circle = await peer.circle(3);
  const [a] = circle.clients;
  const mark = word('m');
  await circle.expect(a, () => a.emit('emit-all', mark), 'broadcast-msg', [mark], [1, 1, 1]);
});

onEveryLane('a broadcast carries binary', async (peer) => {
  const circle = await peer.circle(3);
  const [a] = circle.clients;
  const args = [word('m'), [pattern(12), { deep: pattern(0) }]];
  await circle.expect(a, () => a.emit('emit-all', ...args), 'broadcast-msg', args, [1, 1, 1]);
});

onEveryLane('broadcasts and rooms stay within their namespace', async (peer) => {
  const [here, there] = [await peer.circle(2), await peer.circle(2, '/custom')];
  const room = word('shared-name');
  for (const client of [...here.clients, ...there.clients]) await client.ask('join', room);
  const [a, b] = here.clients;
  const mark = word('m');
  a.emit('room-emit', room, mark);
  a.emit('emit-all', mark);
  await b.heard('room-msg', (first) => first === mark);
  await b.heard('broadcast-msg', (first) => first === mark);
  await there.fence(there.clients[0]);
  for (const client of there.clients) {
    assert.deepEqual(client.all('room-msg', (first) => first === mark), []);
    assert.deepEqual(client.all('broadcast-msg', (first) => first === mark), []);
    assert.deepEqual(await client.ask('room-size', room), [2]);
  }
});

onEveryLane('a socket that is gone hears nothing and disturbs nobody', async (peer) => {
  const circle = await peer.circle(3);
  const [a, b, gone] = circle.clients;
  gone.emit('drop-transport');
  await gone.reason();
  const mark = word('m');
  a.emit('emit-all', mark);
  await circle.fence(a, [a, b]);
  for (const client of [a, b]) assert.equal(client.all('broadcast-msg', (first) => first === mark).length, 1);
  assert.deepEqual(gone.all('broadcast-msg', (first) => first === mark), []);
});

// A volatile event may be dropped while the transport is busy, so one of several has to arrive.
onEveryLane('a volatile event reaches a client that is ready for it', async (peer) => {
  const client = await peer.connect();
  await eventually('a volatile event arrives', async () => {
    client.emit('volatile', 'now', { or: 'never' });
    await client.ask('message-with-ack');
    return client.all('volatile-msg').length > 0;
  });
  for (const args of client.all('volatile-msg')) assert.deepEqual(args, ['now', { or: 'never' }]);
});

onEveryLane('a volatile event carries binary whole or not at all', async (peer) => {
  const client = await peer.connect();
  await eventually('a volatile event arrives', async () => {
    client.emit('volatile', pattern(10), 'tail');
    await client.ask('message-with-ack');
    return client.all('volatile-msg').length > 0;
  });
  for (const args of client.all('volatile-msg')) assert.deepEqual(args, [pattern(10), 'tail']);
});
