// The chat as a cluster of five servers, started as examples/cluster/run does it, with people on each of them.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Manager } from 'socket.io-client';
import { eventually, within, word } from '../js/support.mjs';

const program = fileURLToPath(new URL('../../../examples/cluster/run', import.meta.url));
const patience = 60_000;

/** The script, and what it prints: the address, and the process of each server. */
class Cluster {
  pids = {};
  #log = [];

  static async start() {
    const cluster = new Cluster();
    const child = spawn(program, [process.env.BINDING ?? 'tokio', '--port', '0'], { stdio: ['ignore', 'pipe', 'pipe'] });
    cluster.child = child;
    cluster.ended = once(child, 'exit');
    createInterface({ input: child.stderr }).on('line', (line) => cluster.#log.push(line));
    const ready = new Promise((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const [, url] = /^listening on (.*)$/.exec(line) ?? [];
        if (url) cluster.url = url;
        const [, name, pid] = /^ +(\w+) .* kill (\d+)$/.exec(line) ?? [];
        if (name) cluster.pids[name] = Number(pid);
        if (Object.keys(cluster.pids).length === 5) resolve();
      });
      cluster.ended.then(() => reject(new Error(`${program} ended: ${cluster.#log.join('\n')}`)), reject);
    });
    await within(ready, () => program, 240_000);
    return cluster;
  }

  kill(name) {
    process.kill(this.pids[name], 'SIGKILL');
    delete this.pids[name];
  }
}

/** A tab with the page of the chat. */
class Tab {
  /** How often each text was heard. */
  messages = new Map();
  notices = [];
  typing = [];
  users = [];
  rooms = [];
  history = [];
  elsewhere = [];
  losses = 0;
  server = null;

  constructor(url, name, { room = 'lobby', node, transports = ['polling', 'websocket'] } = {}) {
    Object.assign(this, { name, room });
    this.manager = new Manager(url, { autoConnect: false, reconnectionDelay: 100, transports, query: node && { node } });
    this.socket = this.manager.socket('/');
    this.activity = this.manager.socket('/activity');
    this.activity.on('said', (where) => this.elsewhere.push(where));
    this.socket
      .on('connect', () => this.#come().catch(() => {}))
      .on('disconnect', () => {
        this.losses += 1;
        this.server = null;
      })
      .on('message', ({ author, text }) => this.#count(`${author}: ${text}`))
      .on('notice', ({ text }) => this.notices.push(text))
      .on('typing', (notice) => this.typing.push(notice))
      .on('users', (users) => (this.users = users))
      .on('rooms', (rooms) => (this.rooms = rooms));
    this.socket.connect();
    this.activity.connect();
  }

  /** Whether it is in its room. */
  get there() {
    return this.server !== null;
  }

  async #come() {
    const { server } = await this.ask('login', this.name);
    await this.enter(this.room);
    this.server = server;
  }

  /** What is told behind the answer is newer, so the answer is taken at once, and not when a promise is looked at. */
  enter(room) {
    return new Promise((resolve, reject) => {
      this.socket.timeout(patience).emit('enter', room, (error, entered) => {
        if (error) return reject(error);
        Object.assign(this, { room, users: entered.users, rooms: entered.rooms, history: entered.history });
        resolve(assert.equal(entered.room, room));
      });
    });
  }

  ask(event, argument) {
    return this.socket.timeout(patience).emitWithAck(event, argument);
  }

  async say(text) {
    const answer = await this.ask('say', text);
    assert.equal(answer.ok, true);
  }

  heard(author, text) {
    return this.messages.get(`${author}: ${text}`) ?? 0;
  }

  close() {
    this.manager.engine?.close();
    this.socket.disconnect();
    this.activity.disconnect();
  }

  #count(message) {
    this.messages.set(message, (this.messages.get(message) ?? 0) + 1);
  }
}

const names = ['n1', 'n2', 'n3', 'js', 'py'];
let cluster;
let tabs = [];
/** What was said, by whom, and who was to hear it. */
const said = [];

before(async () => {
  cluster = await Cluster.start();
});

after(async () => {
  for (const tab of tabs) tab.close();
  cluster?.child.kill();
  await cluster?.ended;
});

const until = (what, probe) => eventually(what, probe, patience);

/** Waits until each tab is in its room, and sees its members and all rooms. */
async function gather() {
  const counts = new Map();
  for (const { room } of tabs) counts.set(room, (counts.get(room) ?? 0) + 1);
  const rooms = [...counts].sort().map(([name, members]) => ({ name, members }));
  for (const tab of tabs) {
    const members = tabs.filter(({ room }) => room === tab.room).map(({ name }) => name).sort();
    const sees = () => `${tab.name} on ${tab.server} sees ${JSON.stringify([tab.users, tab.rooms])}`;
    const right = () =>
      tab.there && JSON.stringify([tab.users.toSorted(), tab.rooms]) === JSON.stringify([members, rooms]);
    await until(`${tab.name} is there and sees ${members} and ${JSON.stringify(rooms)}`, right).catch((error) => {
      throw new Error(`${error.message}; ${sees()}`);
    });
  }
}

/** Each tab says something, which all others in its room receive. */
async function talk() {
  for (const tab of tabs) {
    const text = word('m');
    const hearers = tabs.filter((other) => other !== tab && other.room === tab.room);
    said.push({ author: tab.name, text, hearers });
    await tab.say(text);
    for (const hearer of hearers) {
      await until(`${hearer.name} on ${hearer.server} hears ${tab.name} on ${tab.server}`, () => hearer.heard(tab.name, text) > 0);
    }
  }
}

test('people on five servers see each other', { timeout: 180_000 }, async () => {
  tabs = names.map((node) => new Tab(cluster.url, `on-${node}`, { node }));
  tabs.push(new Tab(cluster.url, 'anywhere'), new Tab(cluster.url, 'polling', { transports: ['polling'] }));
  await gather();
  for (const [i, node] of names.entries()) assert.equal(tabs[i].server, node);
});

test('they talk, and see who writes, across all servers', { timeout: 180_000 }, async () => {
  await talk();
  for (const tab of tabs) {
    const writes = ({ name, typing }) => name === tab.name && typing === true;
    // The page repeats it, since it passes over clients that are busy.
    await until(`all see that ${tab.name} writes`, () => {
      tab.socket.emit('typing', true);
      return tabs.every((other) => other === tab || other.typing.some(writes));
    });
  }
});

test('those who go to another room leave the first, and find what was said there by all', { timeout: 180_000 }, async () => {
  const [n1, n2, n3, js, py] = tabs;
  for (const tab of [n1, js, py]) await tab.enter('tea');
  await gather();
  for (const tab of [n1, js, py]) {
    for (const other of [n2, n3]) {
      await until(`${other.name} sees that ${tab.name} left`, () => other.notices.includes(`${tab.name} left`));
    }
  }
  await talk();
  await until('those elsewhere are told', () => n2.elsewhere.filter((room) => room === 'tea').length === 3);
  const texts = said.slice(-tabs.length).filter(({ author }) => [n1, js, py].some(({ name }) => name === author)).map(({ author, text }) => [author, text]);
  for (const node of names) {
    const newcomer = new Tab(cluster.url, `new-${node}`, { room: 'tea', node });
    tabs.push(newcomer);
    await until(`${newcomer.name} knows what was said`, async () => {
      if (!newcomer.there) return false;
      await newcomer.enter('tea');
      return JSON.stringify(newcomer.history.map(({ author, text }) => [author, text])) === JSON.stringify(texts);
    });
  }
  await gather();
  for (const newcomer of tabs.splice(-names.length)) newcomer.close();
  await gather();
  for (const tab of [n1, js, py]) await tab.enter('lobby');
  await gather();
});

for (const lost of ['n2', 'js', 'py']) {
  test(`when ${lost} is killed, its people go on elsewhere and the others do not notice`, { timeout: 180_000 }, async () => {
    const losses = tabs.map((tab) => tab.losses);
    const disturbed = tabs.map(({ server }) => server === lost);
    assert.ok(disturbed.includes(true));
    cluster.kill(lost);
    await until('its people are elsewhere', () => tabs.every((tab, i) => !disturbed[i] || (tab.there && tab.losses > losses[i])));
    await gather();
    await talk();
    for (const [i, tab] of tabs.entries()) {
      assert.notEqual(tab.server, lost);
      if (!disturbed[i]) assert.equal(tab.losses, losses[i], `${tab.name} on ${tab.server} lost its connection`);
    }
  });
}

test('everything was heard once', () => {
  for (const { author, text, hearers } of said) {
    for (const hearer of hearers) assert.equal(hearer.heard(author, text), 1, `${hearer.name}, of ${author}`);
  }
});

test('one signal ends it with all that it started', { timeout: 60_000 }, async () => {
  cluster.child.kill('SIGTERM');
  assert.deepEqual(await cluster.ended, [0, null]);
  for (const pid of Object.values(cluster.pids)) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  await assert.rejects(fetch(cluster.url));
});
