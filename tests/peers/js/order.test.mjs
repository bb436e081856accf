// Nothing lost, nothing doubled, nothing out of order.

import assert from 'node:assert/strict';
import { onEveryLane, pattern, withPeer } from './support.mjs';

const count = 1000;

function mixed(length) {
  return Array.from({ length }, (_, i) => [i, i % 3 === 0 ? pattern((i % 7) + 1) : `t${i}`]);
}

onEveryLane('a burst of 1000 events reaches the client in order', async (peer) => {
  const client = await peer.connect();
  client.emit('burst', count);
  assert.deepEqual(
    await client.heardMany('seq', count),
    Array.from({ length: count }, (_, i) => [i]),
  );
});

onEveryLane('a burst of text and binary reaches the client in order', async (peer) => {
  const client = await peer.connect();
  client.emit('burst-mixed', count);
  assert.deepEqual(await client.heardMany('seq-mixed', count), mixed(count));
});

onEveryLane('a burst of 1000 events reaches the server in order', async (peer) => {
  const client = await peer.connect();
  for (let i = 0; i < count; i++) client.emit('seq-in', i);
  assert.deepEqual(await client.ask('seq-check'), [count, true]);
});

onEveryLane('seq-check forgets what it counted and notices disorder', async (peer) => {
  const client = await peer.connect();
  for (const i of [0, 2, 1]) client.emit('seq-in', i);
  assert.deepEqual(await client.ask('seq-check'), [3, false]);
  assert.deepEqual(await client.ask('seq-check'), [0, true]);
});

onEveryLane('text and binary from the client come back in order', async (peer) => {
  const client = await peer.connect();
  const sent = mixed(300);
  for (const args of sent) client.emit('message', ...args);
  assert.deepEqual(await client.heardMany('message-back', sent.length), sent);
});

onEveryLane('bursts of several namespaces on one connection do not mix', async (peer) => {
  const root = await peer.connect();
  const others = await Promise.all(
    ['/custom', '/unicode-ü世'].map((nsp) => peer.connect(nsp, { manager: root.manager })),
  );
  const all = [root, ...others];
  for (const client of all) client.emit('burst-mixed', 300);
  for (const client of all) assert.deepEqual(await client.heardMany('seq-mixed', 300), mixed(300));
});

onEveryLane('two bursts to one room reach every member in order', async (peer) => {
  const { clients, witness } = await peer.circle(3);
  for (let i = 0; i < 300; i++) clients[0].emit('room-emit', witness, i, i % 3 === 0 ? pattern(4) : 't');
  for (const client of clients) {
    const heard = await client.heardMany('room-msg', 300);
    assert.deepEqual(heard.map(([i]) => i), Array.from({ length: 300 }, (_, i) => i));
  }
});

// Each repetition meets the upgrade at another moment.
for (const round of [1, 2, 3, 4, 5]) {
  withPeer(`a stream to the server survives the upgrade (${round})`, 'upgrading', async (peer) => {
    const client = await peer.connect();
    const sent = await throughUpgrade(client, (i) => client.emit('seq-in', i));
    assert.deepEqual(await client.ask('seq-check'), [sent, true]);
    assert.equal((await client.ask('whoami'))[0].transport, 'websocket');
  });

  withPeer(`a stream to the client survives the upgrade (${round})`, 'upgrading', async (peer) => {
    const [client, source] = [await peer.connect(), await peer.connect()];
    const sent = await throughUpgrade(client, (i) => {
      source.emit('to-sid', client.id, i, i % 3 === 0 ? pattern(5) : `t${i}`);
    });
    const heard = await client.heardMany('direct-msg', sent);
    assert.deepEqual(heard.map(([i]) => i), Array.from({ length: sent }, (_, i) => i));
  });

  withPeer(`an echo of text and binary survives the upgrade (${round})`, 'upgrading', async (peer) => {
    const client = await peer.connect();
    const args = (i) => [i, i % 3 === 0 ? pattern((i % 7) + 1) : `t${i}`];
    const sent = await throughUpgrade(client, (i) => client.emit('message', ...args(i)));
    assert.deepEqual(
      await client.heardMany('message-back', sent),
      Array.from({ length: sent }, (_, i) => args(i)),
    );
  });
}

/** Calls `step` again and again until a while after the upgrade; resolves with how often. */
async function throughUpgrade(client, step) {
  let steps = 0;
  let over = false;
  const upgraded = client.upgraded().then(() => (over = true));
  for (let after = 0; after < 100; after += over ? 1 : 0) {
    step(steps++);
    if (steps % 4 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await upgraded;
  return steps;
}
