// Rooms and who is in them.

import assert from 'node:assert/strict';
import { eventually, onEveryLane, pattern, withPeer, word } from './support.mjs';

onEveryLane('joining and leaving answer with the sorted rooms', async (peer) => {
  const client = await peer.connect();
  const [a, b, c] = ['a', 'b', 'c'].map(word);
  assert.deepEqual(await client.ask('rooms'), [[]]);
  assert.deepEqual(await client.ask('join', b), [[b]]);
  assert.deepEqual(await client.ask('join', a), [[a, b]]);
  assert.deepEqual(await client.ask('join', c), [[a, b, c]]);
  assert.deepEqual(await client.ask('join', a), [[a, b, c]]);
  assert.deepEqual(await client.ask('leave', b), [[a, c]]);
  assert.deepEqual(await client.ask('leave', word('never-joined')), [[a, c]]);
  assert.deepEqual(await client.ask('rooms'), [[a, c]]);
});

onEveryLane('room names may be any text', async (peer) => {
  const client = await peer.connect();
  const rooms = [`${word('ü世')}🦀`, `${word('with space')},"[`].sort();
  for (const room of rooms) await client.ask('join', room);
  assert.deepEqual(await client.ask('rooms'), [rooms]);
  client.emit('room-emit', rooms[1], 'here');
  assert.deepEqual(await client.heard('room-msg'), ['here']);
});

onEveryLane('room-size counts members, and one for the own id', async (peer) => {
  const [a, b] = [await peer.connect(), await peer.connect()];
  const room = word('room');
  assert.deepEqual(await a.ask('room-size', room), [0]);
  await a.ask('join', room);
  await b.ask('join', room);
  assert.deepEqual(await a.ask('room-size', room), [2]);
  await b.ask('leave', room);
  assert.deepEqual(await a.ask('room-size', room), [1]);
  assert.deepEqual(await a.ask('room-size', b.id), [1]);
});

onEveryLane('a socket that goes leaves its rooms', async (peer) => {
  const observer = await peer.connect();
  const room = word('room');
  const goodbyes = [
    (client) => client.socket.disconnect(),
    (client) => client.manager.engine.close(),
    (client) => client.emit('disconnect-me', false),
    (client) => client.emit('disconnect-me', true),
    (client) => client.emit('drop-transport'),
  ];
  for (const goodbye of goodbyes) {
    const client = await peer.connect();
    await client.ask('join', room);
    const { id } = client;
    assert.deepEqual(await observer.ask('room-size', room), [1]);
    goodbye(client);
    await eventually('the room is empty', async () => (await observer.ask('room-size', room))[0] === 0);
    await eventually('its own room is empty', async () => (await observer.ask('room-size', id))[0] === 0);
  }
});

onEveryLane('room-emit reaches every member, the sender only as a member', async (peer) => {
  const circle = await peer.circle(3);
  const [a, b, c] = circle.clients;
  const room = word('room');
  await a.ask('join', room);
  await b.ask('join', room);
  const [first, second] = [word('m'), word('m')];
  await circle.expect(a, () => a.emit('room-emit', room, first, 1), 'room-msg', [first, 1], [1, 1, 0]);
  await circle.expect(c, () => c.emit('room-emit', room, second), 'room-msg', [second], [1, 1, 0]);
});

onEveryLane('room-broadcast leaves the sender out', async (peer) => {
  const circle = await peer.circle(3);
  const [a, b] = circle.clients;
  const room = word('room');
  await a.ask('join', room);
  await b.ask('join', room);
  const mark = word('m');
  await circle.expect(a, () => a.emit('room-broadcast', room, mark), 'room-msg', [mark], [0, 1, 0]);
});

onEveryLane('rooms-emit reaches a member of several rooms once', async (peer) => {
  const circle = await peer.circle(4);
  const [a, b, c] = circle.clients;
  const [one, two] = [word('one'), word('two')];
  await a.ask('join', one);
  await b.ask('join', one);
  await b.ask('join', two);
  await c.ask('join', two);
  const mark = word('m');
  const act = () => a.emit('rooms-emit', [one, two, one, word('empty')], mark, [1]);
  await circle.expect(a, act, 'room-msg', [mark, [1]], [1, 1, 1, 0]);
});

onEveryLane('room-emit-except leaves out members of the other room', async (peer) => {
  const circle = await peer.circle(3);
  const [a, b, c] = circle.clients;
  const [room, except] = [word('room'), word('except')];
  for (const client of [a, b]) await client.ask('join', room);
  for (const client of [b, c]) await client.ask('join', except);
  const mark = word('m');
  const act = () => a.emit('room-emit-except', room, except, mark);
  await circle.expect(a, act, 'room-msg', [mark], [1, 0, 0]);
});

onEveryLane('room-emit-except may leave out one socket by its id', async (peer) => {
  const circle = await peer.circle(3);
  const [a, b] = circle.clients;
  const mark = word('m');
  const act = () => a.emit('room-emit-except', circle.witness, b.id, mark);
  await circle.expect(a, act, 'room-msg', [mark], [1, 0, 1]);
});

onEveryLane('the own id is a room of one', async (peer) => {
  const circle = await peer.circle(3);
  const [a, b] = circle.clients;
  const [room, direct, self] = [word('m'), word('m'), word('m')];
  await circle.expect(a, () => a.emit('room-emit', b.id, room), 'room-msg', [room], [0, 1, 0]);
  await circle.expect(a, () => a.emit('to-sid', b.id, direct, 2), 'direct-msg', [direct, 2], [0, 1, 0]);
  await circle.expect(a, () => a.emit('to-sid', a.id, self, 3), 'direct-msg', [self, 3], [1, 0, 0]);
});

onEveryLane('a room nobody is in swallows what is sent to it', async (peer) => {
  const circle = await peer.circle(2);
  const [a] = circle.clients;
  const mark = word('m');
  await circle.expect(a, () => a.emit('room-emit', word('empty'), mark), 'room-msg', [mark], [0, 0]);
  await circle.expect(a, () => a.emit('to-sid', word('nobody'), mark), 'direct-msg', [mark], [0, 0]);
});

onEveryLane('a room hears binary', async (peer) => {
  const circle = await peer.circle(3);
  const [a] = circle.clients;
  const args = [word('m'), { part: pattern(40), more: [pattern(0), pattern(1)] }, 'tail'];
  const act = () => a.emit('room-emit', circle.witness, ...args);
  await circle.expect(a, act, 'room-msg', args, [1, 1, 1]);
});

onEveryLane('room-join-all moves every member of one room into another', async (peer) => {
  const circle = await peer.circle(3);
  const [a, b, c] = circle.clients;
  const [from, to] = [word('from'), word('to')];
  for (const client of [a, b]) await client.ask('join', from);
  assert.deepEqual(await c.ask('room-join-all', from, to), []);
  assert.deepEqual(await a.ask('rooms'), [[circle.witness, from, to].sort()]);
  assert.deepEqual(await b.ask('room-size', to), [2]);
  assert.deepEqual(await c.ask('rooms'), [[circle.witness]]);
  const mark = word('m');
  await circle.expect(c, () => c.emit('room-emit', to, mark), 'room-msg', [mark], [1, 1, 0]);
});

onEveryLane('room-disconnect ends every member and keeps the transports', async (peer) => {
  const room = word('room');
  const members = [await peer.connect('/custom'), await peer.connect('/custom')];
  const roots = [];
  for (const member of members) {
    roots.push(await peer.connect('/', { manager: member.manager }));
    await member.ask('join', room);
  }
  const observer = await peer.connect('/custom');
  observer.emit('room-disconnect', room);
  for (const member of members) assert.equal(await member.reason(), 'io server disconnect');
  for (const root of roots) assert.deepEqual(await root.ask('message-with-ack', 'alive'), ['alive']);
  assert.deepEqual(await observer.ask('room-size', room), [0]);
});

for (const lane of ['polling', 'websocket']) {
  withPeer(`one broadcast reaches members on every transport, sent from ${lane}`, lane, async (peer) => {
    const room = word('room');
    const members = [];
    for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
      const member = await peer.connect('/', { transports });
      await member.ask('join', room);
      members.push(member);
    }
    const sender = await peer.connect();
    sender.emit('room-emit', room, 'ü', pattern(100));
    for (const member of members) assert.deepEqual(await member.heard('room-msg'), ['ü', pattern(100)]);
  });
}
