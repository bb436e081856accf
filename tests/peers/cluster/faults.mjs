// What holds while the broker or a node fails, and after that.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Circle, eventually, within, word } from '../js/support.mjs';
import { Node } from './node.mjs';

/** How long a question to other nodes may take; a node is told so. */
const timeout = 2000;
/** The most that a busy machine may add to any time. */
const slack = 1500;
/** The longest that local deliveries, local acknowledgements, questions, the end of a node, and healing may take. */
const limits = { local: 1000, ack: 2500, question: timeout + 1500, quick: 1000, end: 5000, heal: 25_000, gone: 15_000 };

/** A cluster of one check. */
class Cluster {
  nodes = [];

  constructor(format, broker) {
    this.format = format;
    this.broker = broker;
    this.channel = word('bus');
    this.asks = format !== 'python';
  }

  async add(kind, name = `${kind}-${this.nodes.length}`) {
    const flags = { bus: this.broker.url, 'bus-format': this.format, channel: this.channel, 'bus-timeout-ms': timeout, node: name };
    const node = await Node.start(kind, flags);
    this.nodes.push(node);
    return node;
  }

  async end() {
    await Promise.all(this.nodes.map((node) => node.kill()));
  }
}

/** For how many milliseconds processes had to wait for this machine since it was started; NaN where nobody counts that. */
function waits() {
  try {
    const total = (what) => Number(/^some .*total=(\d+)$/m.exec(readFileSync(`/proc/pressure/${what}`, 'utf8'))[1]) / 1000;
    // In ticks of ten milliseconds: the time that other machines on this one's processors took.
    const stolen = Number(readFileSync('/proc/stat', 'utf8').split(/\s+/)[8]) * 10;
    // The first is an average of all processors.
    return total('cpu') * availableParallelism() + total('io') + total('memory') + stolen;
  } catch {
    return NaN;
  }
}

/** Measures from now on: how long it took, and how much of it a busy machine may have added. */
function stopwatch() {
  const [begin, before] = [Date.now(), waits()];
  return () => {
    const waited = waits() - before;
    return { took: Date.now() - begin, added: Number.isNaN(waited) ? slack : Math.min(waited, slack) };
  };
}

/** What a promise resolves with; fails when it took longer than on a machine that is not busy. */
async function inTime(what, limit, promise) {
  const stop = stopwatch();
  const result = await within(promise, () => what, limit + slack);
  const { took, added } = stop();
  assert.ok(took <= limit + added, `${what} took ${took} ms, of which the machine added ${Math.round(added)}`);
  return result;
}

/** An event of `sender` to a room reaches each member once; how that is known takes a message to each. */
async function reaches(sender, room, members, limit, what = 'an event') {
  const token = word('m');
  const match = (first) => first === token;
  sender.emit('room-emit', room, token);
  await inTime(what, limit, Promise.all(members.map((member) => member.heard('room-msg', match))));
  return token;
}

/** Waits until an event of each of the clients reaches all of them, however many were lost before. */
async function heals(clients, room, limit = limits.heal) {
  for (const sender of clients) {
    await eventually(
      `events from ${sender.node.name} reach all`,
      async () => {
        const token = word('m');
        const match = (first) => first === token;
        sender.emit('room-emit', room, token);
        const deadline = Date.now() + 1000;
        const all = () => clients.every((client) => client.all('room-msg', match).length > 0);
        while (!all() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
        return all();
      },
      limit,
    );
  }
}

/** Each event of each client now arrives once. */
async function once(clients, room) {
  const circle = new Circle(clients, word('witness'));
  await circle.gather();
  for (const sender of clients) {
    const token = word('m');
    await circle.expect(sender, () => sender.emit('room-emit', room, token), 'room-msg', [token], clients.map(() => 1));
  }
}

const ids = (clients) => clients.map(({ id }) => id).sort();

/** A question for which somebody is missing ends in time, with an error and what is known. */
async function isPartial(asker, room, known) {
  const [error, partial] = await inTime('a question', limits.question, asker.ask('fetch', room));
  assert.equal(typeof error, 'string', 'no error');
  for (const id of ids(known)) assert.ok(partial.includes(id), `${id} is missing in ${partial}`);
}

/** A question is answered rightly and quickly, from some time on. */
async function isWhole(asker, room, clients, limit) {
  await eventually(
    'a question is answered rightly',
    async () => {
      const stop = stopwatch();
      const [error, found] = await asker.ask('fetch', room);
      const { took, added } = stop();
      return error === null && took <= limits.quick + added && JSON.stringify(found) === JSON.stringify(ids(clients));
    },
    limit,
  );
}

const member = async (node, room, nsp) => {
  const client = await node.client(nsp);
  await client.ask('join', room);
  return client;
};
const members = (nodes, room, nsp) => Promise.all(nodes.map((node) => member(node, room, nsp)));

/** Local clients are served: events arrive, and are acknowledged. */
async function servesLocally(node, room) {
  const [one, other] = await members([node, node], room);
  await reaches(one, room, [one, other], limits.local, 'a local event');
  await inTime('a local acknowledgement', limits.ack, one.ask('message-with-ack', 1));
  const joined = await inTime('a local room', limits.ack, one.ask('join', word('room')));
  assert.equal(joined[0].length, 2);
  return [one, other];
}

const ofBroker = [
  {
    claim: 'a broker that is down at start harms no local client, and is joined once it is up',
    down: true,
    async check(cluster, { ours, other }) {
      const begin = Date.now();
      const [a, c] = await Promise.all([cluster.add(ours), cluster.add(ours)]);
      assert.ok(Date.now() - begin < 10_000, 'listened late');
      const room = word('room');
      const locals = await servesLocally(a, room);
      assert.equal((await a.counters()).connected, false);
      if (cluster.asks) await isPartial(locals[0], room, locals);
      await cluster.broker.start();
      const b = await cluster.add(other);
      const clients = [...locals, ...(await members([b, c], room))];
      await heals(clients.slice(1), room);
      await once(clients, room);
      if (cluster.asks) await isWhole(locals[0], room, clients, limits.heal);
    },
  },
  {
    claim: 'a broker that is killed and started again is joined again, with all rooms and namespaces',
    async check(cluster, { ours, other }) {
      const [a, b, c] = await Promise.all([cluster.add(ours), cluster.add(other), cluster.add(ours)]);
      const room = word('room');
      const clients = await members([a, b, c], room);
      await heals(clients, room);
      await cluster.broker.kill();
      await eventually('the loss is noticed', async () => !(await a.counters()).connected, limits.gone);
      const during = word('during');
      const locals = await servesLocally(a, during);
      // Sent in the outage: here at once, elsewhere at most once.
      const token = await reaches(clients[0], room, [clients[0]], limits.local);
      const nsp = `/dyn-${Date.now()}${process.pid}`;
      const fresh = await member(a, during, nsp);
      if (cluster.asks) await isPartial(clients[0], room, [clients[0]]);
      await cluster.broker.start();
      await heals(clients, room);
      await once(clients, room);
      for (const client of clients) {
        const times = client.all('room-msg', (first) => first === token).length;
        assert.ok(client === clients[0] ? times === 1 : times <= 1, `${times} times on ${client.node.name}`);
      }
      const joined = [...locals, await member(c, during)];
      await heals(joined, during);
      await once(joined, during);
      const there = [fresh, await member(c, during, nsp), await member(b, during, nsp)];
      await heals(there, during);
      await once(there, during);
      if (cluster.asks) await isWhole(clients[0], room, clients, limits.heal);
      assert.ok((await a.counters()).reconnects >= 1, 'reconnects');
    },
  },
  {
    claim: 'a broker that is frozen harms no local client, is given up, and is joined again',
    async check(cluster, { ours, other }) {
      const [a, b] = await Promise.all([cluster.add(ours), cluster.add(other)]);
      const room = word('room');
      const clients = await members([a, b], room);
      await heals(clients, room);
      cluster.broker.freeze();
      const locals = await servesLocally(a, word('during'));
      await reaches(clients[0], room, [clients[0]], limits.local);
      if (cluster.asks) await isPartial(clients[0], room, [clients[0]]);
      const [timedOut] = await inTime('a question', limits.question, clients[0].ask('sid-ask', clients[1].id, timeout, 1));
      assert.equal(timedOut, true);
      await eventually('the connection is given up', async () => !(await a.counters()).connected, 20_000);
      cluster.broker.thaw();
      await heals(clients, room);
      await once([...clients], room);
      assert.ok(locals.every(({ socket }) => socket.connected), 'a client was dropped');
      if (cluster.asks) await isWhole(clients[0], room, clients, limits.heal);
    },
  },
  {
    claim: 'garbage on any channel is skipped and counted',
    async check(cluster, { ours }) {
      const [a, c] = await Promise.all([cluster.add(ours), cluster.add(ours)]);
      const room = word('room');
      const clients = await members([a, c], room);
      await heals(clients, room);
      const before = (await a.counters()).invalid;
      const litter = await cluster.broker.litter({ ...cluster, room });
      try {
        for (const bytes of garbage()) {
          await litter.drop(bytes);
          await once(clients, room);
        }
      } finally {
        litter.end();
      }
      const after = await a.counters();
      assert.ok(after.invalid > before, `invalid ${before} -> ${after.invalid}`);
      assert.equal(after.reconnects, 0, 'reconnects');
    },
  },
];

/** Messages that mean nothing in any format, or harm. */
function garbage() {
  const texts = [
    '',
    'x',
    '{',
    'null',
    '[]',
    '{}',
    '{"type":5,"requestId":"x"}',
    '{"type":2,"opts":7,"rooms":{}}',
    '{"uid":"x","type":99}',
    '{"type":3,"data":{"packet":{"type":2,"data":["connect"]},"opts":{"rooms":[],"except":[]}},"uid":"x","nsp":"/"}',
    '{"method":"emit"}',
    '{"method":"emit","event":7,"data":"x","namespace":"/","room":[[]],"host_id":"x"}',
    '{"method":"emit","event":"e","data":[[{"_placeholder":true,"num":7}],"AA=="],"binary":true,"namespace":"/","host_id":"x"}',
    '['.repeat(100_000),
    `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`,
  ];
  const bytes = [
    [0x93, 0xa1, 0x78, 0xdf, 0xff, 0xff, 0xff, 0xff],
    [0x93, 0xa1],
    [0xdd, 0xff, 0xff, 0xff, 0xff],
    [0x84, 0xa3, 0x75, 0x69, 0x64],
    [...Buffer.from('SK'), 1, 99, 0],
    [...Buffer.from('SK'), 200, 3, ...Array(64).fill(255)],
    // A pickled object.
    [0x80, 4, 0x95, 0, 0, 0, 0, 0x2e],
    [0xff, 0xfe, 0xfd],
  ];
  return [...texts.map((text) => Buffer.from(text)), ...bytes.map((list) => Buffer.from(list))];
}

const ofNodes = [
  {
    claim: 'a node that hangs and is killed is no longer waited for',
    async check(cluster, { ours, other }) {
      const [a, b, c] = await Promise.all([cluster.add(ours), cluster.add(other), cluster.add(ours)]);
      const room = word('room');
      const clients = await members([a, b, c], room);
      await heals(clients, room);
      await c.freeze();
      if (cluster.asks) await isPartial(clients[0], room, clients.slice(0, 2));
      const asked = clients[0].ask('sid-ask', clients[2].id, 1000, 1);
      c.signal('SIGKILL');
      await c.ended;
      // That nobody answered in time, or that nobody is left who could.
      const [, reply] = await inTime('a question', limits.question, asked);
      assert.equal(reply, null);
      await once(clients.slice(0, 2), room);
      if (cluster.asks) {
        await isWhole(clients[0], room, clients.slice(0, 2), limits.gone);
        const size = await eventually('the node is gone', async () => (await clients[0].ask('cluster-size'))[0] === 2, limits.gone);
        assert.ok(size);
      }
      // One of the others.
      b.signal('SIGKILL');
      await b.ended;
      if (cluster.asks) await isWhole(clients[0], room, clients.slice(0, 1), limits.gone);
      await reaches(clients[0], room, clients.slice(0, 1), limits.local);
    },
  },
  {
    claim: 'a node that ends says so, and is not waited for',
    async check(cluster, { ours, other }) {
      const [a, b, c] = await Promise.all([cluster.add(ours), cluster.add(other), cluster.add(ours)]);
      const room = word('room');
      const clients = await members([a, b, c], room);
      await heals(clients, room);
      c.signal('SIGTERM');
      assert.equal(await inTime('the end of a node', limits.end, c.ended), 0);
      if (cluster.asks) {
        const found = await inTime('a question', limits.quick, clients[0].ask('fetch', room));
        assert.deepEqual(found, [null, ids(clients.slice(0, 2))]);
        assert.deepEqual(await clients[0].ask('cluster-size'), [2]);
        assert.deepEqual(await clients[0].ask('server-ask', 1), [null, [`${b.name}:1`]]);
      }
      // With a broker that answers nothing, too.
      cluster.broker.freeze();
      a.signal('SIGTERM');
      const status = inTime('the end of a node', limits.end, a.ended);
      await status.finally(() => cluster.broker.thaw());
      assert.equal(await status, 0);
    },
  },
  {
    claim: 'two nodes of one name are two nodes',
    async check(cluster, { ours }) {
      const [a, c] = await Promise.all([cluster.add(ours, 'twin'), cluster.add(ours, 'twin')]);
      const room = word('room');
      const clients = await members([a, c], room);
      await heals(clients, room);
      await once(clients, room);
      if (!cluster.asks) return;
      await isWhole(clients[0], room, clients, limits.heal);
      assert.deepEqual(await clients[0].ask('server-ask', 1), [null, ['twin:1']]);
      assert.deepEqual(await clients[0].ask('cluster-size'), [2]);
    },
  },
];

/** Checks one binding of ours in one format against faults, two at a time, each with a broker of its own. */
export async function faults({ Kind, format, ours, other, count }, claims = [...ofBroker, ...ofNodes]) {
  const left = [...claims];
  const worker = async () => {
    for (let fault = left.shift(); fault; fault = left.shift()) {
      const { claim, down, check } = fault;
      await count(claim, 120_000, async () => {
        const broker = down ? await Kind.prepare() : await Kind.start();
        await meet(check, new Cluster(format, broker), { ours, other }).finally(() => broker.stop());
      });
    }
  };
  await Promise.all([worker(), worker()]);
}

/** The same for faults of nodes alone. */
export const faultsOfNodes = (group) => faults(group, ofNodes);

/** The same, one after the other with one broker, where it takes long to start. */
export async function faultsInTurn({ Kind, format, ours, other, count }) {
  const broker = await Kind.prepare();
  try {
    for (const { claim, down, check } of [...ofBroker, ...ofNodes]) {
      await count(claim, 120_000, async () => {
        if (!down) await broker.revive();
        await meet(check, new Cluster(format, broker), { ours, other });
      });
    }
  } finally {
    await broker.stop();
  }
}

const meet = (check, cluster, kinds) => check(cluster, kinds).finally(() => cluster.end());
