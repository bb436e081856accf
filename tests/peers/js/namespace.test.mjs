// Namespaces: which are open, which refuse, how they share a connection.

import assert from 'node:assert/strict';
import { onEveryLane, pattern, reasonOf, word } from './support.mjs';

const open = ['/', '/custom', '/unicode-ü世', '/slow', '/dyn-7', '/dyn-000123'];

for (const nsp of open) {
  onEveryLane(`${nsp} is open and has all handlers`, async (peer) => {
    const client = await peer.connect(nsp);
    assert.equal((await client.ask('whoami'))[0].nsp, nsp);
    assert.equal((await client.ask('whoami'))[0].sid, client.id);
    client.emit('message', 'ü', 1, pattern(3));
    assert.deepEqual(await client.heard('message-back'), ['ü', 1, pattern(3)]);
    const room = word('room');
    assert.deepEqual(await client.ask('join', room), [[room]]);
    client.emit('room-emit', room, 'in');
    assert.deepEqual(await client.heard('room-msg'), ['in']);
    client.emit('burst', 20);
    assert.deepEqual(await client.heardMany('seq', 20), Array.from({ length: 20 }, (_, i) => [i]));
  });
}

onEveryLane('/auth accepts the right token', async (peer) => {
  const auth = { token: 'secret', extra: [1] };
  const client = await peer.connect('/auth', { auth });
  assert.deepEqual(await client.heard('auth'), [auth]);
  assert.deepEqual((await client.ask('whoami'))[0].auth, auth);
  assert.deepEqual(await client.ask('message-with-ack', 'in'), ['in']);
});

for (const [what, auth] of Object.entries({
  'a wrong token': { token: 'guess' },
  'a token of another type': { token: ['secret'] },
  'an empty object': {},
  'no auth at all': undefined,
})) {
  onEveryLane(`/auth refuses ${what} with message and data`, async (peer) => {
    const error = await peer.start('/auth', { auth }).refused();
    assert.equal(error.message, 'not authorized');
    assert.deepEqual(error.data, { code: 401, reason: 'bad token' });
  });
}

onEveryLane('a refused client may try again on the same connection', async (peer) => {
  const root = await peer.connect();
  const client = peer.start('/auth', { manager: root.manager, auth: { token: 'guess' } });
  await client.refused();
  assert.deepEqual(await root.ask('message-with-ack', 'alive'), ['alive']);
  client.socket.auth = { token: 'secret' };
  client.socket.connect();
  await client.joined();
  assert.deepEqual(await client.ask('message-with-ack', 'in'), ['in']);
});

onEveryLane('a refused socket is in no room and hears no broadcast', async (peer) => {
  const auth = { token: 'secret' };
  const circle = [await peer.connect('/auth', { auth }), await peer.connect('/auth', { auth })];
  const refused = peer.start('/auth', { auth: { token: 'guess' } });
  await refused.refused();
  const mark = word('m');
  circle[0].emit('emit-all', mark);
  for (const client of circle) await client.heard('broadcast-msg', (first) => first === mark);
  assert.deepEqual(refused.all('broadcast-msg'), []);
});

for (const nsp of ['/nope', '/custom2', '/dyn-', '/dyn-x', '/dyn-1x', '/x/dyn-1', '/unicode-ü', '/Custom']) {
  onEveryLane(`${nsp} is an invalid namespace`, async (peer) => {
    const root = await peer.connect();
    const error = await peer.start(nsp, { manager: root.manager }).refused();
    assert.equal(error.message, 'Invalid namespace');
    assert.deepEqual(await root.ask('message-with-ack', 'alive'), ['alive']);
  });
}

onEveryLane('/slow does not hold up the other namespaces of the connection', async (peer) => {
  const root = await peer.connect();
  const order = [];
  const slow = peer.start('/slow', { manager: root.manager });
  const joined = slow.joined().then(() => order.push('slow'));
  await root.ask('message-with-ack').then(() => order.push('root'));
  await joined;
  assert.deepEqual(order, ['root', 'slow']);
});

onEveryLane('events sent before the namespace is joined arrive after it', async (peer) => {
  const client = peer.start('/slow');
  for (let i = 0; i < 20; i++) client.emit('seq-in', i);
  assert.deepEqual(await client.ask('seq-check'), [20, true]);
});

onEveryLane('dynamic namespaces are isolated from each other', async (peer) => {
  const [one, two] = [number(), number()];
  const here = await peer.circle(2, `/dyn-${one}`);
  const there = await peer.circle(2, `/dyn-${two}`);
  const room = word('room');
  for (const client of [...here.clients, ...there.clients]) await client.ask('join', room);
  const mark = word('m');
  const [a] = here.clients;
  await here.expect(a, () => a.emit('room-emit', room, mark), 'room-msg', [mark], [1, 1]);
  await here.expect(a, () => a.emit('broadcast', mark), 'broadcast-msg', [mark], [0, 1]);
  a.emit('to-sid', there.clients[0].id, mark);
  await here.fence(a);
  await there.fence(there.clients[1]);
  for (const name of ['room-msg', 'broadcast-msg', 'direct-msg']) {
    for (const client of there.clients) assert.deepEqual(client.all(name, (first) => first === mark), []);
  }
});

onEveryLane('a dynamic namespace can be left by all and joined again', async (peer) => {
  const nsp = `/dyn-${number()}`;
  const first = await peer.connect(nsp);
  first.socket.disconnect();
  const second = await peer.connect(nsp);
  assert.deepEqual(await second.ask('message-with-ack', 'again'), ['again']);
});

onEveryLane('one connection carries many namespaces, each with its own id', async (peer) => {
  const manager = peer.manager();
  const clients = [];
  for (const nsp of open) clients.push(await peer.connect(nsp, { manager }));
  clients.push(await peer.connect('/auth', { manager, auth: { token: 'secret' } }));
  assert.equal(new Set(clients.map(({ id }) => id)).size, clients.length);
  const replies = await Promise.all(clients.map((client, i) => client.ask('message-with-ack', i, pattern(i))));
  assert.deepEqual(replies, clients.map((_, i) => [i, pattern(i)]));
  for (const client of clients) assert.equal((await client.ask('whoami'))[0].sid, client.id);
});

onEveryLane('namespaces joined at the same time are all joined', async (peer) => {
  const manager = peer.manager();
  const clients = open.map((nsp) => peer.start(nsp, { manager }));
  await Promise.all(clients.map((client) => client.joined()));
  for (const client of clients) assert.deepEqual(await client.ask('message-with-ack', client.id), [client.id]);
});

onEveryLane('leaving one namespace leaves the others alone', async (peer) => {
  const root = await peer.connect();
  const custom = await peer.connect('/custom', { manager: root.manager });
  custom.socket.disconnect();
  assert.equal(await custom.reason(), 'io client disconnect');
  assert.deepEqual(await root.ask('message-with-ack', 1), [1]);
});

onEveryLane('a namespace joined again has a new id and none of the old rooms', async (peer) => {
  const root = await peer.connect();
  const [client, observer] = [await peer.connect('/custom', { manager: root.manager }), await peer.connect('/custom')];
  const { id } = client;
  await client.ask('join', word('room'));
  client.socket.disconnect();
  await reasonOf(id, observer);
  client.socket.connect();
  await client.joined();
  assert.notEqual(client.id, id);
  assert.deepEqual(await client.ask('rooms'), [[]]);
});

onEveryLane('a namespace may be left and joined in one breath', async (peer) => {
  const root = await peer.connect();
  const client = await peer.connect('/custom', { manager: root.manager });
  const { id } = client;
  client.socket.disconnect().connect();
  await client.joined();
  assert.notEqual(client.id, id);
  assert.deepEqual(await client.ask('message-with-ack', 'again'), ['again']);
});

function number() {
  return BigInt(`0x${word('').slice(1)}`).toString();
}
