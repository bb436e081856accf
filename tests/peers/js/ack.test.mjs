// Acknowledgements in both directions.

import assert from 'node:assert/strict';
import { onEveryLane, pattern } from './support.mjs';

onEveryLane('slow-ack answers with its value', async (peer) => {
  const client = await peer.connect();
  assert.deepEqual(await client.ask('slow-ack', 50, { late: true }), [{ late: true }]);
});

onEveryLane('a slow ack does not hold up other events', async (peer) => {
  const client = await peer.connect();
  const order = [];
  const slow = client.ask('slow-ack', 600, 'slow').then(([value]) => order.push(value));
  const quick = client.ask('message-with-ack', 'quick').then(([value]) => order.push(value));
  await Promise.all([slow, quick]);
  assert.deepEqual(order, ['quick', 'slow']);
});

onEveryLane('slow acks reach the question they answer', async (peer) => {
  const client = await peer.connect();
  const replies = await Promise.all([300, 10, 200, 0, 100].map((ms) => client.ask('slow-ack', ms, ms)));
  assert.deepEqual(replies, [[300], [10], [200], [0], [100]]);
});

onEveryLane('two hundred acks in flight are all answered', async (peer) => {
  const client = await peer.connect();
  const asked = Array.from({ length: 200 }, (_, i) => [i, `v${i}`]);
  assert.deepEqual(await Promise.all(asked.map((args) => client.ask('message-with-ack', ...args))), asked);
});

onEveryLane('an ack carries binary', async (peer) => {
  const client = await peer.connect();
  const args = [pattern(100), { in: [pattern(0), 'text', pattern(7)] }];
  assert.deepEqual(await client.ask('message-with-ack', ...args), args);
});

onEveryLane('never-ack runs into the timeout of the client', async (peer) => {
  const client = await peer.connect();
  await assert.rejects(client.socket.timeout(300).emitWithAck('never-ack', 1), /operation has timed out/);
  assert.deepEqual(await client.ask('message-with-ack', 'still here'), ['still here']);
});

onEveryLane('a question reaches the client and its reply comes back', async (peer) => {
  const client = await peer.connect();
  client.socket.on('question', (a, b, reply) => reply(b, a, 'third'));
  client.emit('request-question', 10_000, 'x', { y: 1 });
  assert.deepEqual(await client.heard('answer'), [{ y: 1 }, 'x', 'third']);
  assert.deepEqual(client.all('answer-timeout'), []);
});

onEveryLane('a question without arguments may be answered with nothing', async (peer) => {
  const client = await peer.connect();
  client.socket.on('question', (reply) => reply());
  client.emit('request-question', 10_000);
  assert.deepEqual(await client.heard('answer'), []);
});

onEveryLane('a question and its reply carry binary', async (peer) => {
  const client = await peer.connect();
  client.socket.on('question', (part, reply) => reply({ back: part }, pattern(3)));
  client.emit('request-question', 10_000, pattern(20));
  assert.deepEqual(await client.heard('answer'), [{ back: pattern(20) }, pattern(3)]);
});

onEveryLane('a reply may come later than other replies', async (peer) => {
  const client = await peer.connect();
  const held = [];
  client.socket.on('question', (n, reply) => {
    held.push(() => reply(n));
    if (held.length === 3) for (const answer of held.reverse()) answer();
  });
  for (const n of [1, 2, 3]) client.emit('request-question', 10_000, n);
  assert.deepEqual(await client.heardMany('answer', 3), [[3], [2], [1]]);
});

onEveryLane('a question nobody answers ends in answer-timeout', async (peer) => {
  const client = await peer.connect();
  client.socket.on('question', () => {});
  client.emit('request-question', 200, 'anyone?');
  assert.deepEqual(await client.heard('answer-timeout'), []);
  assert.deepEqual(client.all('answer'), []);
});

onEveryLane('a reply after the timeout is dropped', async (peer) => {
  const client = await peer.connect();
  let late;
  client.socket.on('question', (reply) => (late = reply));
  client.emit('request-question', 100);
  await client.heard('answer-timeout');
  late('too late');
  await client.ask('message-with-ack');
  assert.deepEqual(client.all('answer'), []);
});
