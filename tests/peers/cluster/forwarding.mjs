// Sessions behind a load balancer that follows none of them: nodes of ours forward what reaches the wrong one.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Manager } from 'socket.io-client';
import io2 from 'socket.io-client-2';
import { eventually, pattern, within } from '../js/support.mjs';
import { Balancer } from './balancer.mjs';
import { Redis, freePort } from './brokers.mjs';
import { Node } from './node.mjs';

const names = ['n1', 'n2', 'n3', 'n4'];

/** The ways of a client, and the transport where each ends up. */
const ways = [
  { way: 'polling', transports: ['polling'], last: 'polling' },
  { way: 'websocket', transports: ['websocket'], last: 'websocket' },
  { way: 'upgrading', transports: ['polling', 'websocket'], last: 'websocket' },
];

/** Messages each way, and clients at a time: each takes other ways through the nodes. */
const MESSAGES = 300;
const CLIENTS = 3;

/** Opens a connection of npm socket.io-client 4. */
function open4(url, options) {
  const manager = new Manager(url, { forceNew: true, reconnection: false, ...options });
  const socket = manager.socket('/');
  return { socket, engine: () => manager.engine, close: () => (socket.disconnect(), manager.engine?.close()) };
}

/** Opens a connection of npm socket.io-client 2. */
function open2(url, options) {
  const socket = io2(url, { forceNew: true, reconnection: false, ...options });
  return { socket, engine: () => socket.io.engine, close: () => socket.io.close() };
}

/** Resolves with the arguments of the next event of that name. */
function happened(emitter, name) {
  return within(new Promise((resolve) => emitter.once(name, (...args) => resolve(args))), () => name, 20_000);
}

async function connected(client) {
  if (!client.socket.connected) await happened(client.socket, 'connect');
  return client;
}

function ask(socket, name, ...args) {
  const reply = new Promise((resolve) => socket.emit(name, ...args, (...reply) => resolve(reply)));
  return within(reply, () => `an ack of ${name}`, 20_000);
}

/** Sends messages, and checks that all come back, in order. */
async function converse(socket, count) {
  const back = [];
  socket.on('message-back', (n) => back.push(n));
  for (let n = 0; n < count; n++) socket.emit('message', n);
  await eventually('all come back', () => back.length >= count, 30_000);
  assert.deepEqual(back, Array.from({ length: count }, (_, n) => n));
}

async function travels(open, url, { transports, last }) {
  const client = await connected(open(url, { transports }));
  let gone = null;
  client.socket.once('disconnect', (reason) => (gone = reason));
  try {
    await converse(client.socket, MESSAGES);
    const large = pattern(1_000_000);
    const [back] = await ask(client.socket, 'message-with-ack', large);
    assert.ok(large.equals(Buffer.from(back)));
    await eventually(`it is on ${last}`, () => client.engine().transport.name === last, 20_000);
    await converse(client.socket, 10);
    assert.equal(gone, null);
    return client.engine().id;
  } finally {
    client.close();
  }
}

/** Runs the Python client the same way; resolves when it is done. */
function python(url, way) {
  const program = fileURLToPath(new URL('forwarding.py', import.meta.url));
  const child = spawn(process.env.PYTHON ?? 'python3', [program, url, way, String(MESSAGES)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (said += data));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => (status === 0 ? resolve() : reject(new Error(`the Python client ended with ${status}: ${said}`))));
  });
}

/** Kills a node: clients whose streams do not lead through it go on, and the others come back. */
async function survives(nodes, url) {
  const options = { reconnection: true, reconnectionDelay: 100, reconnectionDelayMax: 500 };
  const direct = await Promise.all([0, 2, 3].map((n) => connected(open4(nodes[n].url, { ...options, transports: ['websocket'] }))));
  const some = ways.flatMap(({ transports }) => Array.from({ length: 4 }, () => open4(url, { ...options, transports })));
  const clients = await Promise.all(some.map(connected));
  const lost = [];
  direct.forEach(({ socket }) => socket.on('disconnect', (reason) => lost.push(reason)));
  try {
    await Promise.all(clients.map(({ socket }) => ask(socket, 'message-with-ack', 1)));
    await nodes[1].kill();
    const answered = async ({ socket, engine }) =>
      socket.connected && !engine()?.id?.startsWith('n2.') && (await ask(socket, 'message-with-ack', 2).catch(() => [0]))[0] === 2;
    for (const client of clients) await eventually('a client is back', () => answered(client), 40_000);
    for (const { socket } of direct) assert.deepEqual(await ask(socket, 'message-with-ack', 3), [3]);
    assert.deepEqual(lost, []);
  } finally {
    for (const client of [...direct, ...clients]) client.close();
  }
}

/**
 * Checks four nodes of these kinds, in turn; `count` runs one check and counts it. Nodes know each other by their command lines, or, with
 * `learns`, by what they tell each other through a broker.
 */
export async function forwarding({ kinds, learns, count }) {
  const nodes = [];
  let balancer;
  let broker;
  try {
    const ports = await Promise.all(names.map(freePort));
    const address = (n) => `127.0.0.1:${ports[n]}`;
    if (learns) broker = await Redis.start();
    const known = (n) =>
      learns
        ? { bus: broker.url, 'tell-nodes': address(n) }
        : { forward: names.map((name, i) => `${name}=${address(i)}`).filter((_, i) => i !== n) };
    const flags = (n) => ({
      port: ports[n],
      node: names[n],
      'session-node': names[n],
      'trust-forwarded': true,
      'max-payload': 3_000_000,
      ...known(n),
    });
    nodes.push(...(await Promise.all(names.map((_, n) => Node.start(kinds[n % kinds.length], flags(n))))));
    if (learns) {
      const meet = async () => (await Promise.all(nodes.map((node) => node.counters()))).every((counters) => counters.nodes === names.length);
      await eventually('the nodes know each other', meet, 30_000);
    }
    balancer = await Balancer.start(ports);
    for (const [version, open] of [['4', open4], ['2', open2]]) {
      for (const way of ways) {
        await count(`socket.io-client ${version}, ${way.way}: all messages arrive in order, whichever node a request reaches`, 90_000, async () => {
          const ids = await Promise.all(Array.from({ length: CLIENTS }, () => travels(open, balancer.url, way)));
          for (const id of ids) assert.match(id, /^n[1234]\./);
        });
      }
    }
    for (const { way } of ways) {
      await count(`python-socketio, ${way}: all messages arrive in order, whichever node a request reaches`, 90_000, () => python(balancer.url, way));
    }
    await count('a node is killed, and the clients of the others go on', 90_000, () => survives(nodes, balancer.url));
  } finally {
    await balancer?.stop();
    await Promise.all(nodes.map((node) => node.kill()));
    await broker?.stop();
  }
}
