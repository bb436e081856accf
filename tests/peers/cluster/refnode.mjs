// A node of npm socket.io behind Redis, with the events that the checks of clusters use.

import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import redisAdapter from '@socket.io/redis-adapter';
import streamsAdapter from '@socket.io/redis-streams-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';

const text = (value) => ({ type: 'string', default: value });
const { values: flags } = parseArgs({
  options: {
    port: text('0'),
    bus: text(''),
    'bus-format': text('js'),
    channel: text('socket.io'),
    node: text('js'),
    'bus-timeout-ms': text('5000'),
    streams: text('1'),
    'subscription-mode': text('dynamic'),
    recovery: { type: 'boolean', default: false },
  },
});
const name = flags.node;
const timeout = Number(flags['bus-timeout-ms']);

async function connect(url) {
  const client = createClient({ url, socket: { reconnectStrategy: (tries) => Math.min(100 * tries, 1000) } });
  // It tries again by itself.
  client.on('error', () => {});
  await client.connect();
  return client;
}

const publisher = await connect(flags.bus);
const subscriber = await connect(flags.bus);

const adapters = {
  js: () => redisAdapter.createAdapter(publisher, subscriber, { key: flags.channel, requestsTimeout: timeout }),
  'js-sharded': () => redisAdapter.createShardedAdapter(publisher, subscriber, { channelPrefix: flags.channel, subscriptionMode: flags['subscription-mode'] }),
  'js-streams': () =>
    streamsAdapter.createAdapter(publisher, {
      streamName: flags.channel,
      streamCount: Number(flags.streams),
      channelPrefix: flags.channel,
      blockTimeInMs: 500,
    }),
};

const http = createServer((request, response) => {
  response.end(request.url === '/health' ? 'ok' : undefined);
});
const io = new Server(http, {
  adapter: adapters[flags['bus-format']](),
  pingInterval: 25_000,
  pingTimeout: 20_000,
  maxHttpBufferSize: 1e6,
  ...(flags.recovery && { connectionStateRecovery: {} }),
});

/** What a question found; when it fails, its error and what this node knows by itself. */
async function answer(ack, question, local) {
  try {
    ack(null, await question());
  } catch (error) {
    ack(error.message, await local());
  }
}

const ids = (sockets) => sockets.map(({ id }) => id).sort();
const whole = (sockets) =>
  sockets
    .map(({ id, rooms, data, handshake }) => ({
      id,
      rooms: [...rooms].sort(),
      data,
      auth: handshake.auth,
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));

const headers = (sockets, names) =>
  sockets
    .map(({ id, handshake }) => [
      id,
      Object.fromEntries(names.filter((name) => name in handshake.headers).map((name) => [name, handshake.headers[name]])),
    ])
    .sort(([a], [b]) => (a < b ? -1 : 1));

function serve(nsp) {
  // A namespace of a class gets the socket before its own listeners.
  const within = (room) => (room === null ? nsp : nsp.in(room));
  const localWithin = (room) => (room === null ? nsp.local : nsp.local.in(room));

  nsp.on('note', (...args) => nsp.local.emit('server-note', name, ...args));
  nsp.on('question', (value, reply) => reply(`${name}:${value}`));
  nsp.on('connection', (socket) => {
    const rooms = () => [...socket.rooms].filter((room) => room !== socket.id).sort();
    const handlers = {
      join: async (room, ack) => {
        socket.join(room);
        // The subscription to a room is on its way on the same connection.
        if (flags['bus-format'] === 'js-sharded') await subscriber.ping();
        ack(rooms());
      },
      leave: (room, ack) => {
        socket.leave(room);
        ack(rooms());
      },
      rooms: (ack) => ack(rooms()),
      'room-size': async (room, ack) => ack((await nsp.in(room).fetchSockets()).length),
      'room-emit': (room, ...args) => nsp.in(room).emit('room-msg', ...args),
      'room-broadcast': (room, ...args) => socket.to(room).emit('room-msg', ...args),
      'rooms-emit': (several, ...args) => nsp.in(several).emit('room-msg', ...args),
      'room-emit-except': (room, except, ...args) => nsp.in(room).except(except).emit('room-msg', ...args),
      broadcast: (...args) => socket.broadcast.emit('broadcast-msg', ...args),
      'emit-all': (...args) => nsp.emit('broadcast-msg', ...args),
      'to-sid': (sid, ...args) => nsp.to(sid).emit('direct-msg', ...args),
      'message-with-ack': (...args) => args.pop()(...args),
      'room-ask': (room, ms, value, ack) =>
        nsp.in(room).timeout(ms).emit('room-question', value, (error, replies) => ack(error !== null, replies.sort())),
      'room-join-all': (from, to, ack) => {
        nsp.in(from).socketsJoin(to);
        ack();
      },
      'room-disconnect': (room) => nsp.in(room).disconnectSockets(),
      node: (ack) => ack(name),
      'cluster-size': async (ack) => ack(await nsp.adapter.serverCount()),
      fetch: (room, ack) =>
        answer(
          ack,
          async () => ids(await within(room).fetchSockets()),
          async () => ids(await localWithin(room).fetchSockets()),
        ),
      'set-data': (value, ack) => {
        socket.data = value;
        ack();
      },
      'fetch-full': (room, ack) =>
        answer(
          ack,
          async () => whole(await within(room).fetchSockets()),
          async () => whole(await localWithin(room).fetchSockets()),
        ),
      'set-bytes': (bytes, ack) => {
        socket.data = bytes;
        ack();
      },
      'fetch-headers': (room, names, ack) =>
        answer(
          ack,
          async () => headers(await nsp.in(room).fetchSockets(), names),
          async () => headers(await nsp.local.in(room).fetchSockets(), names),
        ),
      'all-rooms': (ack) =>
        answer(
          ack,
          async () => [...(await nsp.adapter.allRooms())].sort(),
          async () => [...nsp.adapter.rooms.keys()].sort(),
        ),
      'room-leave-all': (room, from, ack) => {
        nsp.in(room).socketsLeave(from);
        ack();
      },
      'room-close': (room, ack) => {
        nsp.in(room).socketsLeave(room);
        ack();
      },
      'sid-join': (sid, room, ack) => {
        nsp.in(sid).socketsJoin(room);
        ack();
      },
      'sid-leave': (sid, room, ack) => {
        nsp.in(sid).socketsLeave(room);
        ack();
      },
      'sid-disconnect': (sid, ack) => {
        nsp.in(sid).disconnectSockets();
        ack();
      },
      'sid-ask': (sid, ms, value, ack) =>
        nsp.to(sid).timeout(ms).emit('room-question', value, (error, replies) => ack(error !== null, replies[0] ?? null)),
      'server-emit': (...args) => {
        const ack = args.pop();
        nsp.serverSideEmit('note', ...args);
        ack();
      },
      'server-ask': (value, ack) =>
        nsp.serverSideEmit('question', value, (error, replies) => ack(error?.message ?? null, replies.sort())),
      'local-emit': (room, ...args) => nsp.local.to(room).emit('room-msg', ...args),
      'emit-seq': (room, n) => {
        for (let i = 0; i < n; i++) nsp.in(room).emit('room-msg', i);
      },
    };
    for (const [event, handler] of Object.entries(handlers)) socket.on(event, handler);
  });
}

for (const open of ['/', '/custom', '/unicode-ü世', '/g[ab]', '/glob*', '/glob-x']) serve(io.of(open));
// Each namespace of the class has an adapter of its own, made with it.
io.on('new_namespace', serve);
io.of(/^\/dyn-\d+$/);

process.on('SIGTERM', () => {
  const end = () => process.exit(0);
  io.close().then(end, end);
});
http.listen(Number(flags.port), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${http.address().port}`);
});
