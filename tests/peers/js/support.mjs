// What every check shares: the lanes, clients with an inbox, and waiting.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Manager } from 'socket.io-client';
import * as msgpack from 'socket.io-msgpack-parser';

export const url = process.env.CONTRACT_URL ?? 'http://127.0.0.1:5000';

/** What reads and writes packets: `default` or `msgpack`, as the server has it. */
export const parser = process.env.PARSER ?? 'default';

/** The ways a client reaches the server. Only `upgraded` waits for its upgrade before it acts. */
export const lanes = [
  { name: 'polling', transports: ['polling'] },
  { name: 'websocket', transports: ['websocket'] },
  { name: 'upgrading', transports: ['polling', 'websocket'] },
  { name: 'upgraded', transports: ['polling', 'websocket'], settles: true },
];

/** The lanes whose transport does not change during a check. */
export const steadyLanes = lanes.filter((lane) => lane.name !== 'upgrading');

/** The longest wait for anything that must happen, in milliseconds. */
export const patience = Number(process.env.PATIENCE ?? 60_000);

/** Declares one test per lane; `body` gets a Peer that is closed afterwards. */
export function onLanes(some, claim, body) {
  for (const lane of some) withPeer(`${claim} [${lane.name}]`, lane, body);
}

export function onEveryLane(claim, body) {
  onLanes(lanes, claim, body);
}

/** Declares one test on one lane, named or given. */
export function withPeer(claim, lane, body) {
  const chosen = typeof lane === 'string' ? lanes.find(({ name }) => name === lane) : lane;
  test(claim, { timeout: 120_000 }, async (t) => {
    const peer = new Peer(chosen);
    t.after(() => peer.close());
    await body(peer, t);
  });
}

/** Opens clients on one lane and closes them all. */
export class Peer {
  #clients = [];
  #managers = [];

  constructor(lane) {
    this.lane = lane;
  }

  /** A connection of its own; namespaces are joined on it with `connect(nsp, { manager })`. */
  manager(options = {}) {
    const manager = new Manager(url, {
      autoConnect: false,
      reconnection: false,
      forceNew: true,
      transports: this.lane.transports,
      ...(parser === 'msgpack' && { parser: msgpack }),
      ...options,
    });
    this.#managers.push(manager);
    return manager;
  }

  /** A client that has asked for the namespace; the answer is still out. */
  start(nsp = '/', { manager, auth, ...options } = {}) {
    const client = new Client(manager ?? this.manager(options), nsp, auth);
    this.#clients.push(client);
    client.socket.connect();
    return client;
  }

  /** A client that has joined the namespace. */
  async connect(nsp = '/', options = {}) {
    const client = this.start(nsp, options);
    await client.joined();
    if (this.lane.settles) await client.upgraded();
    return client;
  }

  /** `count` clients, each on its own connection and all in the room `witness`. */
  async circle(count, nsp = '/') {
    const clients = await Promise.all(Array.from({ length: count }, () => this.connect(nsp)));
    const circle = new Circle(clients, word('witness'));
    await circle.gather();
    return circle;
  }

  close() {
    for (const client of this.#clients) client.socket.disconnect();
    for (const manager of this.#managers) manager.engine?.close();
  }
}

/** One namespace joined by the official client, and everything it received. */
export class Client {
  #heard = [];
  #listeners = new Set();

  constructor(manager, nsp, auth) {
    this.manager = manager;
    this.socket = manager.socket(nsp, { auth });
    this.ended = new Promise((resolve) => this.socket.once('disconnect', resolve));
    this.socket.onAny((name, ...args) => {
      this.#heard.push({ name, args });
      for (const listen of this.#listeners) listen(name, args);
    });
  }

  get id() {
    return this.socket.id;
  }

  emit(name, ...args) {
    this.socket.emit(name, ...args);
  }

  /** Emits with an ack id; resolves with the list of acknowledged arguments. */
  ask(name, ...args) {
    return new Promise((resolve, reject) => {
      this.socket.timeout(patience).emit(name, ...args, (error, ...reply) => {
        if (error) reject(new Error(`no ack of ${name}: ${error.message}`));
        else resolve(reply);
      });
    });
  }

  /** Every argument list of `name` so far, in order. */
  all(name, match = () => true) {
    return this.#heard.filter((event) => event.name === name && match(...event.args)).map(({ args }) => args);
  }

  /** Waits until `count` events `name` that match are in; resolves with their argument lists. */
  async heardMany(name, count, match = () => true, limit = patience) {
    let seen = this.all(name, match).length;
    let listen;
    const arrival = new Promise((resolve) => {
      if (seen >= count) return resolve();
      listen = (heard, args) => {
        if (heard === name && match(...args) && ++seen >= count) resolve();
      };
      this.#listeners.add(listen);
    });
    try {
      await within(arrival, () => `${count} x ${name}, got ${seen}`, limit);
    } finally {
      this.#listeners.delete(listen);
    }
    return this.all(name, match);
  }

  /** Waits for the first event `name` that matches; resolves with its arguments. */
  async heard(name, match) {
    return (await this.heardMany(name, 1, match))[0];
  }

  joined() {
    return within(
      new Promise((resolve, reject) => {
        if (this.socket.connected) return resolve();
        this.socket.once('connect', resolve);
        this.socket.once('connect_error', reject);
      }),
      () => 'connect',
    );
  }

  /** The error the namespace was refused with. */
  refused() {
    return within(
      new Promise((resolve, reject) => {
        this.socket.once('connect_error', resolve);
        this.socket.once('connect', () => reject(new Error('accepted')));
      }),
      () => 'connect_error',
    );
  }

  /** The client's name for why it was disconnected. */
  reason() {
    return within(this.ended, () => 'disconnect');
  }

  upgraded() {
    const { engine } = this.manager;
    if (engine.transport.name === 'websocket') return Promise.resolve();
    return within(new Promise((resolve) => engine.once('upgrade', resolve)), () => 'upgrade');
  }
}

/** Clients that share a witness room, so that "nothing more arrived" can be known. */
export class Circle {
  constructor(clients, witness) {
    this.clients = clients;
    this.witness = witness;
  }

  async gather() {
    await Promise.all(this.clients.map((client) => client.ask('join', this.witness)));
  }

  /** After this, every client has received what `sender` caused before. */
  async fence(sender, clients = this.clients) {
    const token = word('fence');
    sender.emit('room-emit', this.witness, token);
    await Promise.all(clients.map((client) => client.heard('room-msg', (first) => first === token)));
  }

  /** Lets `sender` act, then asserts how often each client heard `name` with `args`. */
  async expect(sender, act, name, args, counts) {
    act();
    const match = (first) => first === args[0];
    await Promise.all(this.clients.map((client, i) => client.heardMany(name, counts[i], match)));
    await this.fence(sender);
    for (const [i, client] of this.clients.entries()) {
      assert.deepEqual(client.all(name, match), Array(counts[i]).fill(args), `client ${i}`);
    }
  }
}

/** Rejects when `promise` takes longer than our patience. */
export function within(promise, what, limit = patience) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${limit} ms for ${what()}`)), limit);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Asks again until the answer is neither null, undefined nor false. */
export async function eventually(what, probe, limit = patience) {
  const end = Date.now() + limit;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined && answer !== null && answer !== false) return answer;
    if (Date.now() > end) throw new Error(`waited ${limit} ms until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** The server's reason for a socket that is gone, as told to `observer`. */
export function reasonOf(sid, observer, limit = patience) {
  return eventually(`${sid} is gone`, async () => (await observer.ask('disconnect-reason', sid))[0], limit);
}

/** The binary value whose byte i is i mod 251. */
export function pattern(length) {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => i % 251));
}

/** A name no other check uses. */
export function word(prefix) {
  return `${prefix}-${randomBytes(8).toString('hex')}`;
}
