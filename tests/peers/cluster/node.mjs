// The nodes of a cluster: ours by their binding, and those of others.

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Manager } from 'socket.io-client';
import { Client, eventually, within } from '../js/support.mjs';

const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const servers = process.env.CLUSTER_BINS ?? here('../../../target/debug');

/** What is started for each kind of node: a binding of ours, or a library of others. */
const programs = {
  tokio: { command: [`${servers}/tokio-contract`] },
  smol: { command: [`${servers}/async-contract`], env: { EXECUTOR: 'smol' } },
  'async-std': { command: [`${servers}/async-contract`], env: { EXECUTOR: 'async-std' } },
  blocking: { command: [`${servers}/blocking-contract`] },
  js: { command: [process.execPath, here('refnode.mjs')], foreign: true },
  python: { command: [process.env.PYTHON ?? 'python3', here('refnode.py')], foreign: true },
};

const emitters = {
  tokio: `${servers}/tokio-emitter`,
  smol: `${servers}/async-emitter`,
  'async-std': `${servers}/async-emitter`,
  blocking: `${servers}/blocking-emitter`,
};

/** Feeds lines to an emitter of ours, or of Python; resolves with its status and what it complains of. */
export function emit(kind, flags, lines) {
  const [program, ...args] = kind === 'python' ? [programs.python.command[0], here('emitter.py')] : [emitters[kind]];
  for (const [flag, value] of Object.entries(flags)) args.push(`--${flag}`, String(value));
  const child = spawn(program, args, { stdio: ['pipe', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (data) => (complaint += data));
  // One that gave up reads no further.
  child.stdin.on('error', () => {});
  child.stdin.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ status: error.message, complaint }));
    child.once('close', (status) => resolve({ status, complaint }));
  });
}

/** Starts a bridge between two buses, and waits until it is open; its owner kills it. */
export async function bridge(from, to, namespaces) {
  const flags = { from: from.url, 'from-format': from.format, 'from-channel': from.channel };
  Object.assign(flags, { to: to.url, 'to-format': to.format, 'to-channel': to.channel });
  const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
  args.push(...namespaces.flatMap((name) => ['--namespace', name]));
  const child = spawn(`${servers}/blocking-bridge`, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const open = new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    child.once('error', reject);
    child.once('exit', (status, signal) => reject(new Error(`a bridge ended with ${status ?? signal}`)));
  });
  await within(open, () => 'a bridge', 60_000);
  return child;
}

/** Flags of ours: clients share a busy machine, and one that has to wait for a processor is not a lost one. */
const patient = { 'ping-interval-ms': 25_000, 'ping-timeout-ms': 20_000, 'connect-timeout-ms': 20_000, threads: 2 };

export class Node {
  #process;
  #clients = [];
  #managers = [];
  #log = [];

  constructor(kind, flags, more = {}) {
    const { command, env, foreign } = programs[kind];
    this.kind = kind;
    this.foreign = foreign ?? false;
    this.name = flags.node;
    const [program, ...args] = command;
    const shown = foreign ? {} : patient;
    for (const [flag, value] of Object.entries({ port: 0, ...shown, ...flags })) {
      for (const one of [value].flat()) args.push(`--${flag}`, ...(one === true ? [] : [String(one)]));
    }
    const child = spawn(program, args, {
      env: { ...process.env, ...env, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    this.ended = new Promise((resolve) => {
      child.once('exit', (status, signal) => resolve(status ?? signal));
      child.once('error', (error) => resolve(error.message));
    });
    createInterface({ input: child.stderr }).on('line', (line) => this.#log.push(line));
    this.listening = new Promise((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const [, url] = /^listening on (.*)$/.exec(line) ?? [];
        if (url) resolve((this.url = url));
      });
      this.ended.then((status) => reject(new Error(`${kind} node ended with ${status}: ${this.log()}`)));
    });
    this.listening.catch(() => {});
  }

  /** Starts a node, with variables of its environment if need be, and waits until it listens. */
  static async start(kind, flags, env) {
    const node = new Node(kind, flags, env);
    // On a busy machine a process takes its time to load what it needs; that is not what is checked.
    await within(node.listening, () => `a ${kind} node`, 60_000);
    return node;
  }

  get running() {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** The last lines of its log. */
  log() {
    return this.#log.slice(-20).join('\n');
  }

  /** A client that has joined the namespace. */
  async client(nsp = '/', auth = undefined, extraHeaders = undefined) {
    const manager = new Manager(this.url, {
      extraHeaders,
      autoConnect: false,
      reconnection: false,
      forceNew: true,
      transports: ['websocket'],
    });
    const client = new Client(manager, nsp, auth);
    client.node = this;
    this.#managers.push(manager);
    this.#clients.push(client);
    client.socket.connect();
    await client.joined();
    return client;
  }

  /** The counters of a node of ours. */
  async counters() {
    const response = await fetch(`${this.url}/bus`);
    if (!response.ok) throw new Error(`GET /bus: status ${response.status}`);
    return response.json();
  }

  /** Stops it where it stands, and waits until all its threads do. */
  async freeze() {
    this.signal('SIGSTOP');
    const tasks = `/proc/${this.#process.pid}/task`;
    const stopped = (task) => / T \d+ /.test(readFileSync(`${tasks}/${task}/stat`, 'utf8'));
    await eventually('a node is stopped', () => readdirSync(tasks).every(stopped));
  }

  signal(name) {
    this.#process.kill(name);
  }

  async kill() {
    for (const client of this.#clients) client.socket.disconnect();
    for (const manager of this.#managers) manager.engine?.close();
    this.#process.kill('SIGKILL');
    await this.ended;
  }
}
