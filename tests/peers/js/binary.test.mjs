// Binary values from the client.

import assert from 'node:assert/strict';
import { onEveryLane, pattern } from './support.mjs';

onEveryLane('several shapes of binary arguments keep number, order and type', async (peer) => {
  const client = await peer.connect();
  const shapes = [
    [pattern(0)],
    [pattern(1), pattern(2)],
    ['text', pattern(300), 1, null],
    [{ a: pattern(3), b: [pattern(4), { c: pattern(5) }], d: 'x' }, [], [[pattern(6)]]],
  ];
  for (const args of shapes) client.emit('message', ...args);
  assert.deepEqual(await client.heardMany('message-back', shapes.length), shapes);
});

onEveryLane('every byte value survives both directions', async (peer) => {
  const client = await peer.connect();
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  assert.deepEqual(await client.ask('message-with-ack', bytes), [bytes]);
});

onEveryLane('typed arrays and array buffers arrive as their bytes', async (peer) => {
  const client = await peer.connect();
  const bytes = new Uint8Array([9, 8, 7]);
  assert.deepEqual(await client.ask('message-with-ack', bytes, bytes.buffer), [Buffer.from(bytes), Buffer.from(bytes)]);
});

onEveryLane('ten attachments travel in one packet', async (peer) => {
  const client = await peer.connect();
  const parts = Array.from({ length: 10 }, (_, i) => pattern(i * 50));
  assert.deepEqual(await client.ask('message-with-ack', ...parts), parts);
  assert.deepEqual(await client.ask('message-with-ack', { parts }), [{ parts }]);
  client.emit('message', parts, 'tail');
  assert.deepEqual(await client.heard('message-back'), [parts, 'tail']);
});

onEveryLane('binary-sizes counts leaves depth first in document order', async (peer) => {
  const client = await peer.connect();
  const args = [pattern(4), { z: pattern(1), a: [pattern(2), { k: pattern(0) }] }, 'no', [[pattern(9)]], pattern(6)];
  assert.deepEqual(await client.ask('binary-sizes', ...args), [[4, 1, 2, 0, 9, 6]]);
  assert.deepEqual(await client.ask('binary-sizes', 'none', { a: 1 }), [[]]);
});

onEveryLane('binary works in a namespace with a name beyond ASCII', async (peer) => {
  const client = await peer.connect('/unicode-ü世');
  client.emit('message', pattern(33), 'ü');
  assert.deepEqual(await client.heard('message-back'), [pattern(33), 'ü']);
  assert.deepEqual(await client.ask('message-with-ack', [pattern(2)]), [[pattern(2)]]);
});
