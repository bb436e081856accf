// Message brokers of a check's own, each on free ports of the loopback interface.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createClient } from 'redis';
import { eventually } from '../js/support.mjs';

const here = (file) => fileURLToPath(new URL(file, import.meta.url));

let lastPort = 10240 + ((process.pid * 64) % 22_000);

/** A port that nobody listens on, below those that the system gives out by itself, so that none is taken meanwhile. */
export function freePort() {
  lastPort = lastPort < 32_700 ? lastPort + 1 : 10_240;
  const port = lastPort;
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(freePort()));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(port)));
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

const request = `[req]
distinguished_name = name
x509_extensions = server
prompt = no
[name]
CN = localhost
[server]
subjectAltName = DNS:localhost, IP:127.0.0.1
basicConstraints = critical, CA:FALSE
`;

/** Makes a certificate for this machine, which nobody has signed but itself, as the files cert.pem and key.pem. */
export function certify(folder) {
  const [config, cert, key] = ['request.cnf', 'cert.pem', 'key.pem'].map((name) => join(folder, name));
  writeFileSync(config, request);
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...kind, '-days', '2', '-config', config, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { cert, key };
}

/** A broker that can be started, killed, frozen and started again on the same port. */
class Broker {
  #process = null;
  folder = mkdtempSync(join(tmpdir(), 'sansocket-broker-'));

  /** One that does not run yet. `options` are those of its kind. */
  static async prepare(options = {}) {
    const broker = new this();
    broker.options = options;
    broker.port = await freePort();
    return broker;
  }

  static async start(options) {
    const broker = await this.prepare(options);
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

  /** Sees to it that it runs, whatever was done to it before. */
  async revive() {
    if (this.#process) this.thaw();
    else await this.start();
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

/** Redis, with `settings` as on its command line. `tls` has it listen by TLS alone. */
export class Redis extends Broker {
  static program = 'redis-server';
  static packaged = 'redis-server';

  get url() {
    return this.options.tls ? `rediss://localhost:${this.port}` : `redis://127.0.0.1:${this.port}`;
  }

  get listening() {
    if (!this.options.tls) return ['--port', this.port];
    const { cert, key } = this.options.tls;
    const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', cert, '--tls-auth-clients', 'no'];
    return ['--port', 0, '--tls-port', this.port, ...files];
  }

  spawn() {
    const own = ['--bind', '127.0.0.1', '--dir', this.folder, '--save', '', '--appendonly', 'no'];
    return run(Redis.program, [...this.listening, ...own, ...(this.options.settings ?? [])]);
  }

  /** A connection that is to be destroyed by its owner. */
  async client() {
    const client = createClient({ url: this.url });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  /** Writes to all channels of a cluster what is no message. */
  async litter({ format, channel, room }) {
    const client = await this.client();
    const plain = await client.sendCommand(['PUBSUB', 'CHANNELS']);
    const sharded = await client.sendCommand(['PUBSUB', 'SHARDCHANNELS']);
    const more = format === 'js' ? [`${channel}#/#`, `${channel}#/#${room}#`, `${channel}#/#x`] : [];
    return {
      async drop(bytes) {
        for (const name of [...plain, ...more]) await client.sendCommand(['PUBLISH', name, bytes]);
        for (const name of sharded) await client.sendCommand(['SPUBLISH', name, bytes]);
        if (format !== 'js-streams') return;
        await client.sendCommand(['XADD', channel, '*', 'uid', 'x', 'nsp', '/', 'type', '3', 'data', bytes]);
        await client.sendCommand(['XADD', channel, '*', 'odd', bytes]);
      },
      end: () => client.destroy(),
    };
  }
}

/** Sentinel of one master: `master` is its Redis, `password` that of the master, `own` that of the sentinel. */
export class Sentinel extends Broker {
  static program = 'redis-server';
  static packaged = 'redis-server';

  get url() {
    const { password, own } = this.options;
    return `redis+sentinel://:${password}@127.0.0.1:${this.port}/0/main?sentinel_password=${own}`;
  }

  spawn() {
    const { master, password, own } = this.options;
    const file = join(this.folder, 'sentinel.conf');
    const lines = [
      `port ${this.port}`,
      'bind 127.0.0.1',
      `dir ${this.folder}`,
      `sentinel monitor main 127.0.0.1 ${master.port} 1`,
      `sentinel auth-pass main ${password}`,
      `requirepass ${own}`,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    return run(Sentinel.program, [file, '--sentinel']);
  }
}

/** NATS, with `settings` as on its command line, and `user` as in its URL. */
export class Nats extends Broker {
  static program = 'nats-server';
  static packaged = 'nats-server';
  #monitor = null;

  get url() {
    const { user, tls } = this.options;
    return `${tls ? 'tls' : 'nats'}://${user ? `${user}@` : ''}${tls ? 'localhost' : '127.0.0.1'}:${this.port}`;
  }

  async spawn() {
    this.#monitor = await freePort();
    const { settings, tls } = this.options;
    const own = ['--addr', '127.0.0.1', '--port', this.port, '--http_port', this.#monitor];
    const files = tls ? ['--tls', '--tlscert', tls.cert, '--tlskey', tls.key] : [];
    return run(Nats.program, [...own, ...files, ...(settings ?? [])]);
  }

  /** Writes to all subjects of a cluster what is no message. */
  async litter({ channel }) {
    const response = await fetch(`http://127.0.0.1:${this.#monitor}/connz?subs=1`);
    const { connections } = await response.json();
    const all = connections.flatMap(({ subscriptions_list: subjects }) => subjects ?? []);
    const subjects = [...new Set(all.filter((subject) => subject.startsWith(`${channel}.`)))];
    assert.ok(subjects.length >= 3, `a namespace and two nodes have subjects: ${all}`);
    const socket = connect(this.port, '127.0.0.1');
    socket.on('error', () => {});
    const answers = createInterface({ input: socket })[Symbol.asyncIterator]();
    socket.write('CONNECT {"verbose":false,"pedantic":false}\r\n');
    return {
      async drop(bytes) {
        for (const subject of subjects) {
          socket.write(`PUB ${subject} ${bytes.length}\r\n`);
          socket.write(bytes);
          socket.write('\r\n');
        }
        socket.write('PING\r\n');
        for (let line = ''; line !== 'PONG'; ) {
          const { value, done } = await answers.next();
          assert.ok(!done && !value.startsWith('-ERR'), `NATS says ${value}`);
          line = value.trim();
        }
      },
      end: () => socket.destroy(),
    };
  }
}

/** RabbitMQ, by TLS as well if there is a certificate `tls`. */
export class Rabbit extends Broker {
  // The command in the PATH insists on a user of its own.
  static program = '/usr/lib/rabbitmq/bin/rabbitmq-server';
  static packaged = 'rabbitmq-server';
  #registry = null;
  #env = null;

  get url() {
    return `amqp://guest:guest@127.0.0.1:${this.port}/`;
  }

  get tlsUrl() {
    return `amqps://guest:guest@localhost:${this.tlsPort}/`;
  }

  async spawn() {
    this.#env ??= await this.#prepare();
    return run(Rabbit.program, [], this.#env);
  }

  async #prepare() {
    const [names, own] = [await freePort(), await freePort()];
    // It would start one itself, which would stay.
    this.#registry = run('epmd', ['-port', names, '-address', '127.0.0.1']);
    const { tls } = this.options;
    const config = join(this.folder, 'rabbitmq.conf');
    const lines = [`listeners.tcp.1 = 127.0.0.1:${this.port}`];
    if (tls) {
      this.tlsPort = await freePort();
      lines.push(`listeners.ssl.1 = 127.0.0.1:${this.tlsPort}`, `ssl_options.certfile = ${tls.cert}`);
      lines.push(`ssl_options.keyfile = ${tls.key}`, 'ssl_options.verify = verify_none');
    }
    writeFileSync(config, `${lines.join('\n')}\n`);
    return {
      HOME: this.folder,
      RABBITMQ_NODENAME: `check${this.port}@localhost`,
      RABBITMQ_DIST_PORT: String(own),
      RABBITMQ_MNESIA_BASE: join(this.folder, 'mnesia'),
      RABBITMQ_LOG_BASE: join(this.folder, 'log'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(this.folder, 'plugins'),
      RABBITMQ_CONF_ENV_FILE: join(this.folder, 'none'),
      RABBITMQ_CONFIG_FILE: config,
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
      ERL_EPMD_PORT: String(names),
      // The script becomes the server, instead of watching over it.
      detached: '1',
    };
  }

  /** Writes to the exchange of a cluster, in our own format, what is no message. */
  async litter({ channel }) {
    const args = [here('litter.py'), this.url, channel, 'n:/'];
    const child = spawn(process.env.PYTHON ?? 'python3', args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.stdin.on('error', () => {});
    return {
      async drop(bytes) {
        child.stdin.write(`${bytes.toString('hex')}\n`);
        const { done } = await answers.next();
        assert.ok(!done, 'RabbitMQ took it');
      },
      end: () => child.kill(),
    };
  }

  async stop() {
    await super.stop();
    this.#registry?.kill('SIGKILL');
  }
}

/** Kafka as librdkafka plays it. It chooses its port. */
export class Kafka extends Broker {
  static program = here('../../brokers/python/run');
  static packaged = 'python3-venv';

  get url() {
    return `kafka://127.0.0.1:${this.port}`;
  }

  async spawn() {
    const file = join(this.folder, 'port');
    const child = run(Kafka.program, ['mock_kafka.py', file]);
    let end = null;
    child.ended.then((how) => (end = how));
    const written = () => {
      if (end) throw new Error(`the mock of Kafka ${end}`);
      try {
        return Number(readFileSync(file, 'utf8'));
      } catch {
        return null;
      }
    };
    this.port = await eventually('the mock of Kafka says where it listens', written, 120_000);
    return child;
  }
}
