// What the server knows about a connection.

import assert from 'node:assert/strict';
import { onEveryLane, onLanes, lanes, steadyLanes, withPeer } from './support.mjs';

onLanes(steadyLanes, 'whoami tells id, namespace, transport and revision', async (peer) => {
  const client = await peer.connect();
  const [me] = await client.ask('whoami');
  assert.deepEqual(me, {
    sid: client.id,
    nsp: '/',
    transport: peer.lane.name === 'polling' ? 'polling' : 'websocket',
    eio: 4,
    auth: {},
    query: {},
    header: null,
  });
});

withPeer('whoami follows the upgrade', 'upgrading', async (peer) => {
  const client = await peer.connect();
  await client.upgraded();
  assert.equal((await client.ask('whoami'))[0].transport, 'websocket');
});

onEveryLane('whoami tells auth, query and header of the handshake', async (peer) => {
  const auth = { token: 'ü', nested: { list: [1, null] } };
  const client = await peer.connect('/custom', {
    auth,
    query: { plain: 'x', spaced: 'a b&c=d', 'ключ': '世+%' },
    extraHeaders: { 'x-conf': 'yes, please' },
  });
  const [me] = await client.ask('whoami');
  assert.deepEqual(me.auth, auth);
  assert.deepEqual(me.query, { plain: 'x', spaced: 'a b&c=d', 'ключ': '世+%' });
  assert.equal(me.header, 'yes, please');
  assert.equal(me.nsp, '/custom');
});

onEveryLane('the first event is auth with what the client sent', async (peer) => {
  const client = await peer.connect('/', { auth: { user: 'me', n: 1 } });
  assert.deepEqual(await client.heard('auth'), [{ user: 'me', n: 1 }]);
});

onEveryLane('a client that sends no auth gets auth({})', async (peer) => {
  const client = await peer.connect();
  assert.deepEqual(await client.heard('auth'), [{}]);
});

onLanes(lanes, 'every connection has an id of its own', async (peer) => {
  const clients = await Promise.all([peer.connect(), peer.connect(), peer.connect()]);
  const ids = clients.map(({ id }) => id);
  assert.ok(ids.every((id) => typeof id === 'string' && id.length > 0));
  assert.equal(new Set(ids).size, 3);
});
