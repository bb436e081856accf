// Values the server makes itself.

import assert from 'node:assert/strict';
import { onEveryLane, pattern } from './support.mjs';

onEveryLane('get-types sends twelve arguments of every JSON type', async (peer) => {
  const client = await peer.connect();
  client.emit('get-types');
  assert.deepEqual(await client.heard('types'), [
    null,
    true,
    false,
    0,
    -1.5,
    9007199254740991,
    's',
    '',
    [],
    {},
    [1, [2, [3]]],
    { a: { b: { c: [null, 'x'] } } },
  ]);
});

for (const size of [0, 1, 5, 125, 126, 250, 251, 65_535, 65_536]) {
  onEveryLane(`get-binary sends ${size} bytes`, async (peer) => {
    const client = await peer.connect();
    client.emit('get-binary', size);
    assert.deepEqual(await client.heard('binary'), [pattern(size)]);
  });
}

onEveryLane('get-binary-nested sends binary inside containers', async (peer) => {
  const client = await peer.connect();
  client.emit('get-binary-nested');
  assert.deepEqual(await client.heard('binary-nested'), [
    { name: 'n', parts: [pattern(3), { inner: pattern(5) }], empty: pattern(0) },
    'tail',
    pattern(2),
  ]);
});

onEveryLane('length counts UTF-8 bytes of text and bytes of binary', async (peer) => {
  const client = await peer.connect();
  for (const [value, bytes] of [['', 0], ['abc', 3], ['ü世🦀', 9], ['\u0000"', 2], [pattern(0), 0], [pattern(300), 300]]) {
    assert.deepEqual(await client.ask('length', value), [bytes]);
  }
});

onEveryLane('get-string and get-bytes acknowledge with as much as was asked for', async (peer) => {
  const client = await peer.connect();
  for (const size of [0, 1, 1000]) {
    assert.deepEqual(await client.ask('get-string', size), ['x'.repeat(size)]);
    assert.deepEqual(await client.ask('get-bytes', size), [pattern(size)]);
  }
});
