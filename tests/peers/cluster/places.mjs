// Where brokers may be: everything that the URL of a broker can say.

import { join } from 'node:path';
import { eventually, word } from '../js/support.mjs';
import { Kafka, Nats, Redis, Sentinel, freePort } from './brokers.mjs';

/** What nodes need to trust a certificate: on most systems, that is the list of authorities. */
const trusting = ({ cert }) => ({ SSL_CERT_FILE: cert });

/** RabbitMQ that runs already, by TLS. */
export const secured = (rabbit, tls) => ({
  claim: 'nodes find RabbitMQ by TLS',
  start: () => ({ url: rabbit.tlsUrl, env: trusting(tls) }),
});

/** Each place starts its brokers, hands them to `keep`, and resolves with their URL, the environment that nodes need, and what no log may tell. */
export function places(tls) {
  const one = (Kind, options, rest) => async (keep) => {
    const broker = await Kind.start(options);
    keep(broker);
    return { url: broker.url, ...rest };
  };
  return [
    { claim: 'nodes find Redis by TLS', start: one(Redis, { tls }, { env: trusting(tls) }) },
    { claim: 'nodes find Redis by a Unix socket', start: socket },
    { claim: 'nodes find Redis by a password, in a database', start: database },
    { claim: 'nodes find Redis by sentinels that have a password', start: guarded },
    { claim: 'nodes find the servers of a Redis Cluster', start: several },
    {
      claim: 'nodes find NATS by a token',
      start: one(Nats, { user: 's3cret', settings: ['--auth', 's3cret'] }, { secrets: ['s3cret'] }),
    },
    {
      claim: 'nodes find NATS by a user',
      start: one(Nats, { user: 'me:p%40ss', settings: ['--user', 'me', '--pass', 'p@ss'] }, { secrets: ['p@ss', 'p%40ss'] }),
    },
    { claim: 'nodes find NATS by TLS', start: one(Nats, { tls }, { env: trusting(tls) }) },
    { claim: 'nodes find Kafka', start: one(Kafka) },
  ];
}

async function socket(keep) {
  const redis = await Redis.prepare();
  keep(redis);
  const path = join(redis.folder, 'redis.sock');
  redis.options = { settings: ['--unixsocket', path] };
  await redis.start();
  return { url: `unix://${path}` };
}

async function database(keep) {
  const redis = await Redis.start({ settings: ['--requirepass', 's3cret'] });
  keep(redis);
  return { url: redis.url.replace('://', '://:s3cret@').concat('/2'), secrets: ['s3cret'] };
}

async function guarded(keep) {
  const [password, own] = [word('master'), word('sentinel')];
  const master = await Redis.start({ settings: ['--requirepass', password] });
  keep(master);
  const sentinel = await Sentinel.start({ master, password, own });
  keep(sentinel);
  return { url: sentinel.url, secrets: [password, own] };
}

/** Two masters, each with half of the slots. */
async function several(keep) {
  const servers = await Promise.all(
    [0, 1].map(async () => {
      const bus = await freePort();
      const settings = ['--cluster-enabled', 'yes', '--cluster-port', bus, '--cluster-require-full-coverage', 'no'];
      const server = await Redis.start({ settings });
      keep(server);
      return Object.assign(server, { bus, link: await server.client() });
    }),
  );
  const [first, second] = servers;
  await first.link.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', '0', '8191']);
  await second.link.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', '8192', '16383']);
  await second.link.sendCommand(['CLUSTER', 'SET-CONFIG-EPOCH', '2']);
  await first.link.sendCommand(['CLUSTER', 'MEET', '127.0.0.1', String(second.port), String(second.bus)]);
  for (const { link } of servers) {
    await eventually('the Redis Cluster is whole', async () => (await link.sendCommand(['CLUSTER', 'SLOTS'])).length === 2);
    await eventually('the Redis Cluster is up', async () => /cluster_state:ok/.test(await link.sendCommand(['CLUSTER', 'INFO'])));
  }
  servers.forEach(({ link }) => link.destroy());
  return { url: `redis+cluster://127.0.0.1:${first.port}` };
}
