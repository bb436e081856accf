// Clients whose connections were lost come back to other nodes, of ours and of JavaScript, on Redis streams.

import assert from 'node:assert/strict';
import { createClient } from 'redis';
import { eventually, word } from '../js/support.mjs';
import { Redis } from './brokers.mjs';
import { Node } from './node.mjs';

/** A client that can be lost, and come back to another node. */
class Traveller {
  static async join(node) {
    const traveller = new Traveller();
    traveller.client = await node.client();
    return traveller;
  }

  get pid() {
    return this.client.socket._pid;
  }

  /** Its connection ends without a word about the namespace. */
  async vanish() {
    const gone = new Promise((resolve) => this.client.socket.once('disconnect', resolve));
    this.client.manager.engine.close();
    await gone;
  }

  async comeTo(node) {
    this.client.manager.uri = node.url;
    this.client.node = node;
    this.client.socket.connect();
    await this.client.joined();
    return this.client.socket.recovered;
  }

  /** The numbers that it heard, without the ids of their entries. */
  numbers() {
    return this.client.all('room-msg', (first) => typeof first === 'number').map(([first]) => first);
  }

  async heard(number) {
    await this.client.heard('room-msg', (first) => first === number);
  }
}

export async function recovery({ ours, other, third, count }) {
  const broker = await Redis.start();
  const redis = createClient({ url: broker.url });
  const nodes = [];
  try {
    await redis.connect();
    const channel = word('bus');
    const shared = { bus: broker.url, 'bus-format': 'js-streams', channel, recovery: true };
    const kinds = [ours, other, ours, third];
    nodes.push(...(await Promise.all(kinds.map((kind, i) => Node.start(kind, { ...shared, node: `${kind}-${i}` })))));
    const ready = (node) => eventually('a node is ready', async () => node.foreign || (await node.counters()).connected);
    await Promise.all(nodes.map(ready));
    const speakers = await Promise.all(nodes.map((node) => node.client()));
    const isKept = async (pid) => (await redis.exists(`sio:session:${pid}`)) === 1;
    const kept = (pid) => eventually('a lost client is kept', () => isKept(pid));
    const say = (from, room, number) => speakers[nodes.indexOf(from)].emit('room-emit', room, number);

    const routes = [
      [nodes[0], nodes[1]],
      [nodes[1], nodes[0]],
      [nodes[0], nodes[2]],
      [nodes[0], nodes[3]],
      [nodes[3], nodes[1]],
      [nodes[0], nodes[0]],
    ];
    for (const [from, to] of routes) {
      await count(`from ${from.name} to ${to.name}: a lost client has what it had, and what it missed`, 60_000, async () => {
        const room = word('room');
        const traveller = await Traveller.join(from);
        const { client } = traveller;
        const { id } = client;
        await client.ask('join', room);
        await client.ask('set-data', { user: room });
        say(from, room, 1);
        await traveller.heard(1);
        say(to, room, 2);
        await traveller.heard(2);
        const { pid } = traveller;
        await traveller.vanish();
        await kept(pid);
        // In a row by each node; each waits for the one before, whichever node that was by.
        const witness = await nodes[1].client();
        await witness.ask('join', room);
        for (const [i, node] of [from, to, nodes[1], from].entries()) {
          say(node, room, 3 + i);
          await witness.heard('room-msg', (first) => first === 3 + i);
        }
        speakers[0].emit('room-emit', word('elsewhere'), 99);
        speakers[0].emit('to-sid', id, 'direct');
        speakers[0].emit('room-emit-except', room, id, 98);
        await speakers[0].ask('message-with-ack', 1);
        assert.equal(await traveller.comeTo(to), true, `${to.name} knows it`);
        assert.equal(client.id, id);
        assert.deepEqual((await client.ask('rooms'))[0], [room]);
        const [, [found]] = await client.ask('fetch-full', id);
        assert.deepEqual(found.data, { user: room });
        say(from, room, 7);
        await traveller.heard(7);
        say(to, room, 8);
        await traveller.heard(8);
        await client.heard('direct-msg', (first) => first === 'direct');
        assert.deepEqual(traveller.numbers(), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert.equal(client.all('direct-msg').length, 1);
        assert.equal(await isKept(pid), false, 'it is given out once');
        // And on it goes.
        await traveller.vanish();
        await kept(pid);
        say(to, room, 9);
        assert.equal(await traveller.comeTo(from), true, 'and back again');
        await traveller.heard(9);
        assert.deepEqual(traveller.numbers(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
      });
    }

    await count('binary that a client missed is given to it', 60_000, async () => {
      for (const [from, to] of routes.slice(0, 3)) {
        const room = word('room');
        const traveller = await Traveller.join(from);
        await traveller.client.ask('join', room);
        say(from, room, 1);
        await traveller.heard(1);
        const { pid } = traveller;
        await traveller.vanish();
        await kept(pid);
        speakers[nodes.indexOf(from)].emit('room-emit', room, Buffer.from([0, 255]), 'x');
        await speakers[nodes.indexOf(from)].ask('message-with-ack', 1);
        say(from, room, 2);
        assert.equal(await traveller.comeTo(to), true);
        await traveller.heard(2);
        const [binary] = traveller.client.all('room-msg', (first) => Buffer.isBuffer(first));
        assert.deepEqual(binary.slice(0, 2), [Buffer.from([0, 255]), 'x']);
      }
    });

    await count('of two connections that claim one client, one has it', 60_000, async () => {
      const traveller = await Traveller.join(nodes[0]);
      const { client, pid } = traveller;
      client.emit('room-emit', client.id, 1);
      await traveller.heard(1);
      const offset = client.socket._lastOffset;
      await traveller.vanish();
      await kept(pid);
      const claims = await Promise.all([nodes[1], nodes[2], nodes[0]].map((node) => node.client('/', { pid, offset })));
      assert.equal(claims.filter((claim) => claim.socket._pid === pid).length, 1);
    });

    await count('what is kept of a client and is none makes it a new one', 60_000, async () => {
      for (const value of ['', '?', 'gA==', 'wQ==', '3////w==', 'x'.repeat(2_000_000)]) {
        const traveller = await Traveller.join(nodes[0]);
        const { client, pid } = traveller;
        client.emit('room-emit', client.id, 1);
        await traveller.heard(1);
        await traveller.vanish();
        await kept(pid);
        await redis.set(`sio:session:${pid}`, value);
        assert.equal(await traveller.comeTo(nodes[2]), false);
        await client.ask('message-with-ack', 1);
      }
    });

    await count('a client of a node that was killed is a new one', 60_000, async () => {
      const node = await Node.start(ours, { ...shared, node: 'killed' });
      nodes.push(node);
      await ready(node);
      const traveller = await Traveller.join(node);
      traveller.client.emit('room-emit', traveller.client.id, 1);
      await traveller.heard(1);
      const gone = new Promise((resolve) => traveller.client.socket.once('disconnect', resolve));
      node.signal('SIGKILL');
      await gone;
      assert.equal(await traveller.comeTo(nodes[0]), false);
    });

    await count('a client of a node that was stopped comes back to another', 60_000, async () => {
      const node = await Node.start(ours, { ...shared, node: 'stopped' });
      nodes.push(node);
      await ready(node);
      const traveller = await Traveller.join(node);
      const { client, pid } = traveller;
      client.emit('room-emit', client.id, 1);
      await traveller.heard(1);
      const gone = new Promise((resolve) => client.socket.once('disconnect', resolve));
      node.signal('SIGTERM');
      await gone;
      await kept(pid);
      assert.equal(await traveller.comeTo(nodes[1]), true);
    });

    await count('a client of which the stream knows too little is a new one', 60_000, async () => {
      const traveller = await Traveller.join(nodes[0]);
      const { client, pid } = traveller;
      client.emit('room-emit', client.id, 1);
      await traveller.heard(1);
      await traveller.vanish();
      await kept(pid);
      await redis.xTrim(channel, 'MAXLEN', 0);
      assert.equal(await traveller.comeTo(nodes[2]), false);
    });
  } finally {
    await Promise.all(nodes.map((node) => node.kill()));
    await redis.close();
    await broker.stop();
  }
}
