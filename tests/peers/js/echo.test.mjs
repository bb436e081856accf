// Events that come back.

import assert from 'node:assert/strict';
import { onEveryLane, parser } from './support.mjs';

// The msgpack parser cuts integers of 2^64 and more down to 64 bits.
const huge = parser === 'msgpack' ? 1e19 : 1e21;

const values = {
  'no arguments': [],
  'one string': ['hello'],
  'the empty string': [''],
  'null, booleans and numbers': [null, true, false, 0, -1, 1.5, -1.5e-7, huge, 9007199254740991],
  'several strings': ['a', 'b', 'c'],
  'empty containers': [[], {}],
  'nested containers': [[1, [2, [3, { a: { b: [null, 'x'] } }]]], { list: [{ k: 'v' }, []] }],
  'text beyond ASCII': ['ü 世界 🦀 \u0000 \u001e \u2028 \u2029 "quotes" \\ / \n\r\t'],
  'keys beyond ASCII': [{ 'ключ': 1, '': 2, 'a b': 3, '🦀': { '\n': 4 } }],
  'what looks like a placeholder': [{ _placeholder: true, num: 0 }],
  'what looks like a packet': ['42["message"]', '2', '\x1e40', 'b4AAAA'],
};

for (const [what, args] of Object.entries(values)) {
  onEveryLane(`message comes back with ${what}`, async (peer) => {
    const client = await peer.connect();
    client.emit('message', ...args);
    assert.deepEqual(await client.heard('message-back'), args);
  });

  onEveryLane(`message-with-ack is acknowledged with ${what}`, async (peer) => {
    const client = await peer.connect();
    assert.deepEqual(await client.ask('message-with-ack', ...args), args);
  });
}

onEveryLane('no-args comes back without arguments', async (peer) => {
  const client = await peer.connect();
  client.emit('no-args');
  assert.deepEqual(await client.heard('no-args-back'), []);
});

onEveryLane('a message comes back to its sender only', async (peer) => {
  const circle = await peer.circle(2);
  const [sender, other] = circle.clients;
  sender.emit('message', 'mine');
  await sender.heard('message-back');
  await circle.fence(sender);
  assert.deepEqual(other.all('message-back'), []);
});

onEveryLane('each of fifty messages comes back once and in order', async (peer) => {
  const client = await peer.connect();
  const sent = Array.from({ length: 50 }, (_, i) => [i, { i }]);
  for (const args of sent) client.emit('message', ...args);
  await client.heardMany('message-back', sent.length);
  await client.ask('message-with-ack');
  assert.deepEqual(client.all('message-back'), sent);
});
