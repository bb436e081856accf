// Message brokers of a check's own, each on a free port of the loopback interface.

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

/** Whether somebody listens on the port. */
export function listens(port) {
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

/** Starts a program; `ended` is its end. */
export function run(program, args, env = {}) {
  const child = spawn(program, args, { stdio: 'ignore', env: { ...process.env, ...env } });
  child.ended = new Promise((resolve) => {
    child.once('exit', (status, signal) => resolve(`ended with ${status ?? signal}`));
    child.once('error', (error) => resolve(error.code === 'ENOENT' ? 'is not installed' : error.message));
  });
  return child;
}

/** A broker that can be started, killed, frozen and started again on the same port. */
class Broker {
  #process = null;
  folder = mkdtempSync(join(tmpdir(), 'sansocket-broker-'));

  /** One that does not run yet. */
  static async prepare() {
    const broker = new this();
    broker.port = await freePort();
    return broker;
  }

  static async start() {
    const broker = await this.prepare();
    await broker.start();
    return broker;
  }

  async start() {
    const child = await this.spawn();
    this.#process = child;
    let end = null;
    child.ended.then((how) => (end = how));
    // RabbitMQ takes ten seconds on an idle machine.
    await eventually(`${this.constructor.program} listens`, () => {
      if (end) throw new Error(`${this.constructor.program} ${end}: it is in the Debian package ${this.constructor.packaged}`);
      return listens(this.port);
    }, 120_000);
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

  async stop() {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class Redis extends Broker {
  static program = 'redis-server';
  static packaged = 'redis-server';

  get url() {
    return `redis://127.0.0.1:${this.port}`;
  }

  spawn() {
    return run(Redis.program, ['--port', this.port, '--bind', '127.0.0.1', '--dir', this.folder, '--save', '', '--appendonly', 'no']);
  }

  /** A connection that is to be destroyed by its owner. */
  async client() {
    const client = createClient({ url: this.url });
    client.on('error', () => {});
    await client.connect();
    return client;
  }
}

export class Nats extends Broker {
  static program = 'nats-server';
  static packaged = 'nats-server';

  get url() {
    return `nats://127.0.0.1:${this.port}`;
  }

  spawn() {
    return run(Nats.program, ['--addr', '127.0.0.1', '--port', this.port]);
  }
}

export class Rabbit extends Broker {
  // The command in the PATH insists on a user of its own.
  static program = '/usr/lib/rabbitmq/bin/rabbitmq-server';
  static packaged = 'rabbitmq-server';
  #registry = null;

  get url() {
    return `amqp://guest:guest@127.0.0.1:${this.port}/`;
  }

  async spawn() {
    const [names, own] = [await freePort(), await freePort()];
    // It would start one itself, which would stay.
    this.#registry = run('epmd', ['-port', names, '-address', '127.0.0.1']);
    const nowhere = join(this.folder, 'none');
    return run(Rabbit.program, [], {
      HOME: this.folder,
      RABBITMQ_NODENAME: `check${this.port}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: String(this.port),
      RABBITMQ_DIST_PORT: String(own),
      RABBITMQ_MNESIA_BASE: join(this.folder, 'mnesia'),
      RABBITMQ_LOG_BASE: join(this.folder, 'log'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(this.folder, 'plugins'),
      RABBITMQ_CONF_ENV_FILE: nowhere,
      RABBITMQ_CONFIG_FILE: nowhere,
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
      ERL_EPMD_PORT: String(names),
      // The script becomes the server, instead of watching over it.
      detached: '1',
    });
  }

  async stop() {
    await super.stop();
    this.#registry?.kill('SIGKILL');
  }
}
