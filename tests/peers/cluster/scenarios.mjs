// What holds in a healthy cluster, whichever node a client is on.

import assert from 'node:assert/strict';
import emitter from '@socket.io/redis-emitter';
import { Circle, eventually, pattern, word } from '../js/support.mjs';
import { freePort, Redis } from './brokers.mjs';
import { emit } from './node.mjs';

const everywhere = ['python', 'js', 'js-sharded', 'js-streams', 'native'];
const asking = everywhere.filter((format) => format !== 'python');
const quick = 10_000;

/** A namespace that no other check uses. */
const privately = () => `/dyn-${Math.floor(Math.random() * 2 ** 48)}`;

/** One client on each node, and a second one on each where that is asked for. */
async function cast(nodes, { nsp = '/', each = 1, auth, headers } = {}) {
  const wanted = nodes.flatMap((node) => Array(each).fill(node));
  const clients = await Promise.all(wanted.map((node) => node.client(nsp, auth, headers)));
  const circle = new Circle(clients, word('witness'));
  await circle.gather();
  return circle;
}

/** The client of a circle on a node. */
const on = (circle, node) => circle.clients.find((client) => client.node === node);

const everybody = (clients, room) => Promise.all(clients.map((client) => client.ask('join', room)));

/** Members on all nodes, with a stranger on each. */
async function membersAndStrangers(nodes, options) {
  const circle = await cast(nodes, { each: 2, ...options });
  const members = circle.clients.filter((_, i) => i % 2 === 0);
  const room = word('room');
  await everybody(members, room);
  return { circle, members, room, counts: circle.clients.map((_, i) => (i % 2 === 0 ? 1 : 0)) };
}

/** A client replies to each question, or leaves it open. */
function replies(client, reply) {
  client.socket.on('room-question', (value, ack) => {
    const answer = reply(value);
    if (answer !== undefined) ack(answer);
  });
}

const roomsOf = async (client) => (await client.ask('rooms'))[0];

/** Waits until a client is in a room, or no longer. */
const waitForRoom = (client, room, inside) =>
  eventually(`${room} ${inside ? 'has' : 'lost'} a member`, async () => (await roomsOf(client)).includes(room) === inside, quick);

// Each claim is checked once for every kind of node that `from` may be on; a bridged one with a bridge between two buses too.
export const scenarios = [
  {
    claim: 'an event to a room reaches its members on all nodes, once',
    formats: everywhere,
    bridged: true,
    async check({ nodes, from }) {
      const { circle, room, counts } = await membersAndStrangers(nodes);
      const token = word('m');
      const sender = on(circle, from);
      await circle.expect(sender, () => sender.emit('room-emit', room, token), 'room-msg', [token], counts);
    },
  },
  {
    claim: 'an event to a room without its sender spares the sender alone',
    formats: everywhere,
    bridged: true,
    async check({ nodes, from }) {
      const { circle, room, counts } = await membersAndStrangers(nodes);
      const token = word('m');
      const sender = on(circle, from);
      counts[circle.clients.indexOf(sender)] = 0;
      await circle.expect(sender, () => sender.emit('room-broadcast', room, token), 'room-msg', [token], counts);
    },
  },
  {
    claim: 'a client in two rooms hears an event to both once',
    formats: everywhere,
    bridged: true,
    async check({ nodes, from }) {
      const circle = await cast(nodes, { each: 2 });
      const rooms = [word('a'), word('b')];
      const { clients } = circle;
      await Promise.all(clients.map((client, i) => i % 2 === 0 && everybody([client], rooms[0])));
      await Promise.all(clients.map((client, i) => i !== 1 && everybody([client], rooms[1])));
      const token = word('m');
      const sender = on(circle, from);
      const counts = clients.map((_, i) => (i === 1 ? 0 : 1));
      await circle.expect(sender, () => sender.emit('rooms-emit', rooms, token), 'room-msg', [token], counts);
    },
  },
  {
    claim: 'an event to a room spares one client of it',
    formats: everywhere,
    bridged: true,
    async check({ nodes, from }) {
      const { circle, members, room, counts } = await membersAndStrangers(nodes);
      const spared = members.find((client) => client.node !== from);
      counts[circle.clients.indexOf(spared)] = 0;
      const token = word('m');
      const sender = on(circle, from);
      const act = () => sender.emit('room-emit-except', room, spared.id, token);
      await circle.expect(sender, act, 'room-msg', [token], counts);
    },
  },
  {
    claim: 'an event to a room spares another room',
    formats: asking,
    async check({ nodes, from }) {
      const { circle, members, room, counts } = await membersAndStrangers(nodes);
      const spared = word('spared');
      await everybody(members.slice(1), spared);
      for (const member of members.slice(1)) counts[circle.clients.indexOf(member)] = 0;
      const token = word('m');
      const sender = on(circle, from);
      const act = () => sender.emit('room-emit-except', room, spared, token);
      await circle.expect(sender, act, 'room-msg', [token], counts);
    },
  },
  {
    claim: 'an event to everybody reaches all nodes, with or without its sender',
    formats: everywhere,
    bridged: true,
    async check({ nodes, from }) {
      const circle = await cast(nodes, { nsp: '/custom' });
      const sender = on(circle, from);
      for (const [event, own] of [['emit-all', 1], ['broadcast', 0]]) {
        const token = word('m');
        const counts = circle.clients.map((client) => (client === sender ? own : 1));
        await circle.expect(sender, () => sender.emit(event, token, 1.5, null), 'broadcast-msg', [token, 1.5, null], counts);
      }
    },
  },
  {
    claim: 'an event to the id of a client reaches that client on another node',
    formats: everywhere,
    bridged: true,
    async check({ nodes, from }) {
      const circle = await cast(nodes, { each: 2 });
      const sender = on(circle, from);
      for (const target of circle.clients) {
        const token = word('m');
        const counts = circle.clients.map((client) => (client === target ? 1 : 0));
        await circle.expect(sender, () => sender.emit('to-sid', target.id, token), 'direct-msg', [token], counts);
      }
      const token = word('m');
      const nobody = circle.clients.map(() => 0);
      await circle.expect(sender, () => sender.emit('to-sid', 'AAAAAAAAAAAAAAAAAAAA', token), 'direct-msg', [token], nobody);
    },
  },
  {
    claim: 'arguments of all types arrive as they were sent',
    formats: everywhere,
    bridged: true,
    async check({ nodes, from }) {
      const { circle, members, room } = await membersAndStrangers(nodes, { nsp: '/unicode-ü世' });
      const sender = on(circle, from);
      const several = [
        [{ a: null, b: [1, [2, { c: -0.25 }]], 'ü': '世' }, true, false, 9007199254740991, '', [], {}, 'x"\\\n\u2028😀'],
        [pattern(3), 'between', { deep: [pattern(0), { deeper: pattern(1000) }] }, pattern(1)],
        [pattern(100_000), 'x'.repeat(100_000)],
        [{ _placeholder: false, num: 0 }],
        [],
      ];
      for (const args of several) {
        const token = word('m');
        sender.emit('room-emit', room, token, ...args);
        for (const member of members) {
          assert.deepEqual(await member.heard('room-msg', (first) => first === token), [token, ...args]);
        }
      }
    },
  },
  {
    claim: 'events of one sender keep their order',
    formats: everywhere,
    bridged: true,
    async check({ nodes, from }) {
      const { circle, members, room } = await membersAndStrangers(nodes);
      on(circle, from).emit('emit-seq', room, 200);
      for (const member of members) {
        // On a busy machine a node in Python hands its clients seven a second, whoever sends them.
        const heard = await member.heardMany('room-msg', 200, (i) => typeof i === 'number', 50_000);
        assert.deepEqual(heard, Array.from({ length: 200 }, (_, i) => [i]), `on ${member.node.kind}`);
      }
    },
  },
  {
    claim: 'a local event stays on its node',
    formats: asking,
    async check({ nodes, from }) {
      const { circle, room, counts } = await membersAndStrangers(nodes);
      const sender = on(circle, from);
      const local = counts.map((count, i) => (circle.clients[i].node === from ? count : 0));
      const token = word('m');
      await circle.expect(sender, () => sender.emit('local-emit', room, token), 'room-msg', [token], local);
    },
  },
  {
    claim: 'a question to a room is answered by its members on all nodes',
    formats: asking,
    async check({ nodes, from }) {
      const { circle, members, room } = await membersAndStrangers(nodes);
      members.forEach((member, i) => replies(member, (value) => `${value}${i}`));
      const [timedOut, got] = await on(circle, from).ask('room-ask', room, quick, 'r');
      assert.deepEqual([timedOut, got], [false, members.map((_, i) => `r${i}`)]);
    },
  },
  {
    claim: 'binary answers to a question arrive as binary',
    formats: asking,
    async check({ nodes, from }) {
      const { circle, members, room } = await membersAndStrangers(nodes);
      members.forEach((member) => replies(member, () => pattern(5)));
      const [timedOut, got] = await on(circle, from).ask('room-ask', room, quick, 'r');
      assert.deepEqual([timedOut, got], [false, members.map(() => pattern(5))]);
    },
  },
  {
    claim: 'a question that a client on another node leaves open ends in time with the other answers',
    formats: asking,
    async check({ nodes, from }) {
      const { circle, members, room } = await membersAndStrangers(nodes);
      const silent = members.find((member) => member.node !== from);
      for (const member of members) replies(member, () => (member === silent ? undefined : 'yes'));
      const begin = Date.now();
      const [timedOut, got] = await on(circle, from).ask('room-ask', room, 1500, 'r');
      assert.deepEqual([timedOut, got], [true, ['yes', 'yes']]);
      assert.ok(Date.now() - begin < 1500 + quick / 2, `${Date.now() - begin} ms`);
    },
  },
  {
    claim: 'a question to an empty room is answered at once',
    formats: asking,
    async check({ nodes, from }) {
      const client = await from.client();
      const begin = Date.now();
      assert.deepEqual(await client.ask('room-ask', word('empty'), 30_000, 'r'), [false, []]);
      assert.ok(Date.now() - begin < quick, `${Date.now() - begin} ms`);
    },
  },
  {
    claim: 'a client on another node answers a question of its own',
    formats: everywhere,
    bridged: true,
    async check({ nodes, from }) {
      const circle = await cast(nodes);
      const asker = on(circle, from);
      for (const client of circle.clients) {
        replies(client, (value) => (value === 'silence' ? undefined : { value, id: client.id }));
        const reply = { value: 'ü', id: client.id };
        assert.deepEqual(await asker.ask('sid-ask', client.id, quick, 'ü'), [false, reply], `on ${client.node.kind}`);
      }
      const other = circle.clients.find((client) => client.node !== from);
      assert.deepEqual(await asker.ask('sid-ask', other.id, 300, 'silence'), [true, null]);
    },
  },
  {
    claim: 'all members of a room join another, leave it, and are disconnected',
    formats: asking,
    async check({ nodes, from }) {
      const { circle, members, room } = await membersAndStrangers(nodes);
      const sender = on(circle, from);
      const second = word('second');
      await sender.ask('room-join-all', room, second);
      for (const member of members) await waitForRoom(member, second, true);
      await sender.ask('room-leave-all', room, second);
      for (const member of members) await waitForRoom(member, second, false);
      for (const member of members) assert.ok((await roomsOf(member)).includes(room));
      const others = members.filter((member) => member !== sender);
      await everybody(others, second);
      sender.emit('room-disconnect', second);
      for (const other of others) assert.equal(await other.reason(), 'io server disconnect');
      await circle.fence(sender, circle.clients.filter((client) => !others.includes(client)));
    },
  },
  {
    claim: 'a room is closed on all nodes',
    formats: everywhere,
    bridged: true,
    async check({ nodes, from }) {
      const { circle, members, room } = await membersAndStrangers(nodes);
      await on(circle, from).ask('room-close', room);
      for (const member of members) await waitForRoom(member, room, false);
      for (const member of members) assert.ok((await roomsOf(member)).includes(circle.witness));
    },
  },
  {
    claim: 'one client on another node joins a room, leaves it, and is disconnected',
    formats: everywhere,
    bridged: true,
    async check({ nodes, from }) {
      const circle = await cast(nodes, { each: 2 });
      const sender = on(circle, from);
      const room = word('room');
      for (const target of circle.clients.filter((client) => client !== sender)) {
        await sender.ask('sid-join', target.id, room);
        await waitForRoom(target, room, true);
      }
      const [target] = circle.clients.filter((client) => client.node !== from);
      await sender.ask('sid-leave', target.id, room);
      await waitForRoom(target, room, false);
      await sender.ask('sid-disconnect', target.id);
      assert.equal(await target.reason(), 'io server disconnect');
      await circle.fence(sender, circle.clients.filter((client) => client !== target));
    },
  },
  {
    claim: 'clients on all nodes are found, in a room and in a namespace',
    formats: asking,
    async check({ nodes, from }) {
      const nsp = privately();
      const { circle, members, room } = await membersAndStrangers(nodes, { nsp });
      const asker = on(circle, from);
      const ids = (clients) => clients.map(({ id }) => id).sort();
      await eventually('all nodes take part', async () => (await asker.ask('cluster-size'))[0] === nodes.length, quick);
      assert.deepEqual(await asker.ask('fetch', room), [null, ids(members)]);
      assert.deepEqual(await asker.ask('fetch', null), [null, ids(circle.clients)]);
      assert.deepEqual(await asker.ask('fetch', word('empty')), [null, []]);
      assert.deepEqual(await asker.ask('fetch', members.at(-1).id), [null, [members.at(-1).id]]);
      assert.deepEqual(await asker.ask('room-size', room), [members.length]);
    },
  },
  {
    claim: 'what is told of clients on other nodes has their rooms, data and auth',
    formats: asking,
    async check({ nodes, from }) {
      const { circle, members, room } = await membersAndStrangers(nodes, { auth: { token: 'ü', n: [1, null] } });
      await Promise.all(members.map((member, i) => member.ask('set-data', { user: `u${i}`, list: [i, null, 'ü'] })));
      const expected = members
        .map((member, i) => ({
          id: member.id,
          rooms: [circle.witness, member.id, room].sort(),
          data: { user: `u${i}`, list: [i, null, 'ü'] },
          auth: { token: 'ü', n: [1, null] },
        }))
        .sort((a, b) => (a.id < b.id ? -1 : 1));
      const [error, found] = await on(circle, from).ask('fetch-full', room);
      assert.deepEqual([error, found], [null, expected]);
    },
  },
  {
    claim: 'header fields of clients on other nodes are known as far as their nodes tell',
    formats: asking,
    async check({ nodes, from }) {
      const fields = { 'x-told': 'yes', 'x-kept': 'secret', cookie: 'session=1' };
      const { circle, members, room } = await membersAndStrangers(nodes, { headers: fields });
      // Nodes of ours tell others one field, and nodes of JavaScript all.
      const known = ({ node }) => (node === from || node.foreign ? fields : { 'x-told': 'yes' });
      const expected = members.map((member) => [member.id, known(member)]).sort(([a], [b]) => (a < b ? -1 : 1));
      const found = await on(circle, from).ask('fetch-headers', room, Object.keys(fields));
      assert.deepEqual(found, [null, expected]);
    },
  },
  {
    claim: 'binary data of clients on other nodes reads as a Buffer in JSON',
    formats: ['js'],
    async check({ nodes, from }) {
      const { circle, members, room } = await membersAndStrangers(nodes);
      await Promise.all(members.map((member) => member.ask('set-bytes', Buffer.from([0, 1, 255]))));
      const [error, found] = await on(circle, from).ask('fetch-full', room);
      assert.equal(error, null);
      const elsewhere = members.filter(({ node }) => node !== from).map(({ id }) => id);
      const data = found.filter(({ id }) => elsewhere.includes(id)).map((client) => client.data);
      assert.deepEqual(data, Array(elsewhere.length).fill({ type: 'Buffer', data: [0, 1, 255] }));
    },
  },
  {
    claim: 'the rooms of all nodes are known',
    formats: ['js'],
    async check({ nodes, from }) {
      const nsp = privately();
      const { circle, room } = await membersAndStrangers(nodes, { nsp });
      const asker = on(circle, from);
      await eventually('all nodes take part', async () => (await asker.ask('cluster-size'))[0] === nodes.length, quick);
      const rooms = [circle.witness, room, ...circle.clients.map(({ id }) => id)].sort();
      assert.deepEqual(await asker.ask('all-rooms'), [null, rooms]);
    },
  },
  {
    claim: 'the nodes of a namespace are counted',
    formats: everywhere,
    async check({ nodes, from, format }) {
      const client = await from.client();
      assert.deepEqual(await client.ask('cluster-size'), [format === 'python' ? null : nodes.length]);
      assert.deepEqual(await client.ask('node'), [from.name]);
    },
  },
  {
    claim: 'in the format of Python, clients are found on this node only, and that is said',
    formats: ['python'],
    async check({ nodes, from }) {
      const { circle, members, room } = await membersAndStrangers(nodes);
      const own = members.filter((member) => member.node === from).map(({ id }) => id);
      assert.deepEqual(await on(circle, from).ask('fetch', room), ['unsupported', own]);
    },
  },
  {
    claim: 'an event for servers reaches all other nodes',
    formats: asking,
    async check({ nodes, from }) {
      const circle = await cast(nodes);
      const token = word('m');
      await on(circle, from).ask('server-emit', token, { n: 1 }, null);
      for (const client of circle.clients.filter(({ node }) => node !== from)) {
        const heard = await client.heard('server-note', (_, first) => first === token);
        assert.deepEqual(heard, [client.node.name, token, { n: 1 }, null]);
      }
      await circle.fence(on(circle, from));
      assert.deepEqual(on(circle, from).all('server-note', (_, first) => first === token), []);
    },
  },
  {
    claim: 'a question for servers is answered by all other nodes',
    formats: asking,
    async check({ nodes, from }) {
      const client = await from.client();
      const others = nodes.filter((node) => node !== from);
      assert.deepEqual(await client.ask('server-ask', 'v'), [null, others.map(({ name }) => `${name}:v`).sort()]);
    },
  },
  {
    claim: 'who has joined hears what is sent next, and who has left does not',
    formats: everywhere,
    bridged: true,
    async check({ nodes, from }) {
      const circle = await cast(nodes);
      const sender = on(circle, from);
      // A reference node in sharded mode may lose the subscription of a room that is left and joined again.
      for (const joiner of circle.clients.filter(({ node }) => !node.foreign)) {
        const room = word('room');
        for (let i = 0; i < 10; i++) {
          joiner.emit('join', room, () => {});
          joiner.emit('leave', room, () => {});
        }
        await joiner.ask('join', room);
        const token = word('m');
        const counts = circle.clients.map((client) => (client === joiner ? 1 : 0));
        await circle.expect(sender, () => sender.emit('room-emit', room, token), 'room-msg', [token], counts);
        await joiner.ask('leave', room);
        const none = word('m');
        await circle.expect(sender, () => sender.emit('room-emit', room, none), 'room-msg', [none], counts.map(() => 0));
      }
    },
  },
  {
    claim: 'names of rooms need no care',
    formats: everywhere,
    bridged: true,
    async check({ nodes, from }) {
      const circle = await cast(nodes);
      const sender = on(circle, from);
      const odd = ['#', '*?[a]', 'ü 世', 'a#b#', '{x}', 'x'.repeat(20), '\\', '"'].map((name) => `${name}${word('')}`);
      for (const room of [...odd, word('').slice(0, 20)]) {
        await everybody(circle.clients, room);
        const token = word('m');
        const counts = circle.clients.map(() => 1);
        await circle.expect(sender, () => sender.emit('room-emit', room, token), 'room-msg', [token], counts);
      }
    },
  },
  {
    claim: 'namespaces whose names look like patterns are separate',
    formats: everywhere,
    async check({ nodes, from, format }) {
      const room = word('room');
      const circles = [];
      for (const nsp of ['/g[ab]', '/glob*', '/glob-x']) {
        // A classic npm node never hears the broadcasts of a namespace with brackets.
        const hearing = nodes.filter((node) => node === from || format !== 'js' || nsp !== '/g[ab]' || node.kind !== 'js');
        const circle = await cast(hearing, { nsp });
        await everybody(circle.clients, room);
        circles.push(circle);
      }
      for (const circle of circles) {
        const token = word('m');
        const sender = on(circle, from);
        const act = () => sender.emit('room-emit', room, token);
        await circle.expect(sender, act, 'room-msg', [token], circle.clients.map(() => 1));
        for (const other of circles.filter((other) => other !== circle)) {
          await other.fence(on(other, from));
          for (const client of other.clients) assert.deepEqual(client.all('room-msg', (first) => first === token), []);
        }
      }
    },
  },
  {
    claim: 'a node counts what it published and received',
    formats: everywhere,
    ours: true,
    async check({ nodes, from, format }) {
      const other = nodes.find((node) => node !== from && !node.foreign);
      const before = [await from.counters(), await other.counters()];
      const circle = await cast([from, other]);
      await circle.fence(circle.clients[0]);
      const after = [await from.counters(), await other.counters()];
      assert.equal(after[0].connected, true);
      assert.ok(after[0].published > before[0].published, 'published');
      assert.ok(after[1].received > before[1].received, 'received');
      for (const counters of after) {
        assert.equal(counters.invalid, 0, 'invalid');
        assert.equal(counters.dropped, 0, 'dropped');
      }
      if (format === 'native') assert.equal(after[0].nodes, nodes.length);
      const names = ['connected', 'nodes', 'published', 'received', 'ignored', 'invalid', 'dropped', 'queued', 'reconnects', 'pending',
        'queued_bytes', 'last_error'];
      for (const name of names) assert.ok(name in after[0], `no ${name}`);
    },
  },
  {
    claim: 'in the format of Python, questions to several clients are errors and not half answers',
    formats: ['python'],
    ours: true,
    async check({ nodes, from }) {
      const { circle, members, room } = await membersAndStrangers(nodes);
      const asker = on(circle, from);
      members.forEach((member) => replies(member, () => 'yes'));
      const second = await from.client();
      replies(second, () => 'yes');
      await second.ask('join', room);
      const [error, partial] = await asker.ask('server-ask', 'v');
      assert.equal(typeof error, 'string');
      assert.deepEqual(partial, []);
      const spared = word('m');
      asker.emit('room-emit-except', room, word('no-id'), spared);
      await circle.fence(asker);
      for (const client of circle.clients) assert.deepEqual(client.all('room-msg', (first) => first === spared), []);
      for (const member of [asker, second]) {
        assert.deepEqual(await member.ask('room-ask', room, quick, 'r'), ['unsupported', []]);
      }
      assert.deepEqual(await asker.ask('room-ask', word('empty'), quick, 'r'), [false, []]);
    },
  },
  {
    claim: 'emitters of npm reach all nodes',
    formats: ['js'],
    once: true,
    async check({ nodes, channel, broker }) {
      const client = await broker.client();
      try {
        const sent = new emitter.Emitter(client, { key: channel });
        const { circle, members, room, counts } = await membersAndStrangers(nodes);
        const token = word('m');
        const act = () => sent.to(room).emit('room-msg', token, pattern(3));
        await circle.expect(circle.clients[0], act, 'room-msg', [token, pattern(3)], counts);
        sent.in(room).socketsJoin('emitted');
        for (const member of members) await waitForRoom(member, 'emitted', true);
        sent.in(room).socketsLeave('emitted');
        for (const member of members) await waitForRoom(member, 'emitted', false);
        const note = word('m');
        sent.serverSideEmit('note', note);
        for (const member of members) await member.heard('server-note', (_, first) => first === note);
        sent.in(room).disconnectSockets();
        for (const member of members) assert.equal(await member.reason(), 'io server disconnect');
      } finally {
        await client.close();
      }
    },
  },
  {
    claim: 'an emitter of Python reaches all nodes',
    formats: ['python'],
    on: Redis,
    once: true,
    async check({ nodes, channel, broker }) {
      await emitterReaches(nodes, 'python', { bus: broker.url, channel }, 'python');
    },
  },
  {
    claim: 'an emitter of ours reaches all nodes',
    formats: everywhere,
    once: true,
    ours: true,
    async check({ nodes, channel, broker, format, from, settings }) {
      const flags = { bus: broker.url, channel, 'bus-format': format, ...settings };
      await emitterReaches(nodes, from.kind, flags, format);
    },
  },
  {
    claim: 'an emitter of ours says what it cannot do',
    formats: everywhere,
    once: true,
    ours: true,
    async check({ broker, channel, format, from, settings }) {
      const flags = { bus: broker.url, channel, 'bus-format': format, ...settings };
      if (format === 'python') {
        const refused = await emit(from.kind, flags, [{ op: 'server-emit', event: 'note', args: [] }]);
        assert.equal(refused.status, 1);
        assert.match(refused.complaint, /^[^\n]+\n$/);
      }
      const lost = await emit(from.kind, { ...flags, bus: broker.url.replace(broker.port, await freePort()) }, [{ event: 'e' }]);
      assert.equal(lost.status, 1);
      assert.match(lost.complaint, /^[^\n]+\n$/);
    },
  },
];

/** What an emitter can do reaches the clients of all nodes, in order. */
async function emitterReaches(nodes, kind, flags, format) {
  const { circle, members, room, counts } = await membersAndStrangers(nodes);
  const token = word('m');
  const [spared] = members;
  const note = word('m');
  const lines = [
    ...Array.from({ length: 20 }, (_, i) => ({ rooms: [room], event: 'room-msg', args: [i] })),
    { op: 'emit', nsp: '/', rooms: [room], except: [spared.id], event: 'room-msg', args: [token, { deep: [{ $hex: '00ff' }] }] },
    { event: 'broadcast-msg', args: [token] },
    { op: 'join', rooms: [members[1].id], to: ['emitted'] },
  ];
  if (format !== 'python') lines.push({ op: 'server-emit', event: 'note', args: [note] });
  assert.deepEqual(await emit(kind, flags, lines), { status: 0, complaint: '' });
  for (const client of circle.clients) await client.heard('broadcast-msg', (first) => first === token);
  for (const member of members) {
    const heard = await member.heardMany('room-msg', 20, (i) => typeof i === 'number');
    assert.deepEqual(heard, Array.from({ length: 20 }, (_, i) => [i]));
  }
  await waitForRoom(members[1], 'emitted', true);
  if (format !== 'python') for (const member of members) await member.heard('server-note', (_, first) => first === note);
  await circle.fence(circle.clients[0]);
  for (const [i, client] of circle.clients.entries()) {
    const expected = client === spared ? [] : Array(counts[i]).fill([token, { deep: [Buffer.from([0, 255])] }]);
    assert.deepEqual(client.all('room-msg', (first) => first === token), expected);
  }
  const left = await emit(kind, flags, [
    { op: 'leave', rooms: [members[1].id], to: ['emitted'] },
    { op: 'disconnect', rooms: [members[2].id], close: false },
    ...(format === 'python' ? [{ op: 'close', rooms: [room] }] : []),
  ]);
  assert.deepEqual(left, { status: 0, complaint: '' });
  await waitForRoom(members[1], 'emitted', false);
  assert.equal(await members[2].reason(), 'io server disconnect');
  if (format === 'python') await waitForRoom(members[0], room, false);
}
