// A redis-server of a check's own, on loopback.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import { eventually } from '../js/support.mjs';

/** A port that nobody listens on. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Whether a connection to the port succeeds. */
export function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (yes) => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

/** A redis-server that can be started, killed, frozen and started again on the same port. */
export class Redis {
  #process = null;
  #folder = mkdtempSync(join(tmpdir(), 'sansocket-redis-'));

  constructor(port) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
  }

  /** One that does not run yet. */
  static async prepare() {
    return new Redis(await freePort());
  }

  static async start() {
    const redis = await Redis.prepare();
    await redis.start();
    return redis;
  }

  async start() {
    const options = ['--save', '', '--appendonly', 'no', '--bind', '127.0.0.1', '--daemonize', 'no', '--loglevel', 'warning'];
    const child = spawn('redis-server', ['--port', this.port, '--dir', this.#folder, ...options], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    this.#process = child;
    let failure = null;
    child.once('error', (error) => (failure = error));
    child.ended = new Promise((resolve) => {
      child.once('exit', resolve);
      child.once('error', resolve);
    });
    await eventually('redis-server listens', () => {
      if (failure?.code === 'ENOENT') throw new Error('redis-server is missing: apt-get install redis-server');
      if (failure) throw failure;
      if (child.exitCode !== null) throw new Error(`redis-server ended with status ${child.exitCode}`);
      return answers(this.port);
    });
  }

  async kill() {
    this.#process?.kill('SIGKILL');
    await this.#process?.ended;
    this.#process = null;
  }

  freeze() {
    this.#process.kill('SIGSTOP');
  }

  thaw() {
    this.#process.kill('SIGCONT');
  }

  /** A connection that is to be destroyed by its owner. */
  async client() {
    const client = createClient({ url: this.url });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  async stop() {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
