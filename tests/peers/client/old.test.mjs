// Against the JavaScript servers of Socket.IO 2 and 1, which run in this process, and the contract server.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import io1 from 'socket.io-1';
import io2 from 'socket.io-2';
import { binary, check, until } from './driver.mjs';

const lanes = {
  polling: { transports: ['polling'] },
  'polling with base64': { transports: ['polling'], forceBase64: true },
  websocket: { transports: ['websocket'] },
  upgrade: {},
};

/** Starts a server that echoes, asks and refuses. */
async function serve(t, make) {
  const http = createServer();
  const io = make(http, { pingInterval: 1_000, pingTimeout: 20_000 });
  const greet = (socket) => {
    socket.emit('welcome', socket.handshake.query);
    socket.on('echo', (...args) => {
      const ack = typeof args.at(-1) === 'function' ? args.pop() : undefined;
      if (ack) ack(...args);
      else socket.emit('echo', ...args);
    });
    socket.on('ask', (event, ...args) => socket.emit(event, ...args, (...reply) => socket.emit('asked', ...reply)));
    socket.on('leave', (close) => socket.disconnect(close));
  };
  for (const name of ['/', '/a']) io.of(name).on('connection', greet);
  const strict = io.of('/strict');
  strict.use((socket, next) => {
    const { token } = socket.handshake.query;
    next(token === 'a,b' ? undefined : new Error('not authorized'));
  });
  strict.on('connection', greet);
  await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
  t.after(() => new Promise((resolve) => io.close(resolve)));
  return { io, url: `http://127.0.0.1:${http.address().port}` };
}

/** Declares one check for each old server and lane. */
function onEveryLane(claim, body) {
  for (const [version, make] of [['2', io2], ['1', io1]]) {
    for (const [lane, opts] of Object.entries(lanes)) {
      check(`${claim} [socket.io ${version}, ${lane}]`, async (start, t) => {
        const server = await serve(t, make);
        const driver = await start().open(server.url, { eio: 3, query: { v: '1' }, ...opts });
        driver.send('connect');
        await driver.wait('connected', { nsp: '/' });
        await body(driver, server, { version, lane });
      });
    }
  }
}

onEveryLane('a session opens, pings and closes', async (driver, { io }, { lane }) => {
  const [welcome] = (await driver.wait('event', { name: 'welcome' })).args;
  assert.deepEqual([welcome.EIO, welcome.v], ['3', '1']);
  if (lane === 'upgrade') await driver.wait('upgrade', { transport: 'websocket' });
  const { id, engine, transport } = await driver.state();
  assert.equal(id, engine);
  assert.equal(transport, lane.startsWith('polling') ? 'polling' : 'websocket');
  const [conn] = Object.values(io.engine.clients);
  assert.equal(conn.id, engine);
  let pings = 0;
  conn.on('heartbeat', () => (pings += 1));
  conn.on('packet', ({ type }) => (pings += type === 'ping' ? 1 : 0));
  await until(() => pings > 2, 'a ping');
  await driver.exit();
  await until(() => io.engine.clientsCount === 0, 'the end of the connection');
});

onEveryLane('events and acknowledgements go both ways, in order, with binary', async (driver, _, { version, lane }) => {
  // On polling, servers of Socket.IO 1 encode what is not ASCII twice.
  const text = version === '1' && lane !== 'websocket' ? 'hello' : 'ü世\u{1f600}';
  const values = [null, true, 1.5, text, [], { a: [binary([1, 2, 3]), { b: binary([]) }] }, binary([255])];
  driver.send('emit', { event: 'echo', args: values, ack: 'all' });
  assert.deepEqual((await driver.wait('ack', { tag: 'all' })).args, values);
  driver.send('answer', { event: 'question', args: [binary([1])] }).send('emit', { event: 'ask', args: ['question', 2] });
  assert.deepEqual((await driver.wait('event', { name: 'question' })).args, [2]);
  assert.deepEqual((await driver.wait('event', { name: 'asked' })).args, [binary([1])]);
  for (let n = 0; n < 300; n += 1) driver.send('emit', { event: 'echo', args: n % 7 ? [n] : [n, binary([n % 256])] });
  await until(() => driver.of('event', { name: 'echo' }).length === 300, 'the last echo');
  const seen = driver.of('event', { name: 'echo' }).map(({ args }) => args[0]);
  assert.deepEqual(seen, Array.from({ length: 300 }, (_, n) => n));
});

onEveryLane('large messages travel both ways', async (driver) => {
  const text = 'x'.repeat(900_000);
  driver.send('emit', { event: 'echo', args: [text], ack: 'text' });
  assert.deepEqual((await driver.wait('ack', { tag: 'text' })).args, [text]);
  const bytes = binary(Buffer.alloc(600_000, 7));
  driver.send('emit', { event: 'echo', args: [bytes], ack: 'bytes' });
  assert.deepEqual((await driver.wait('ack', { tag: 'bytes' })).args, [bytes]);
});

onEveryLane('several namespaces share the connection, and one is refused', async (driver, { io }) => {
  driver.send('connect', { nsp: '/a' }).send('connect', { nsp: '/unknown' });
  await driver.wait('connected', { nsp: '/a' });
  assert.equal((await driver.state('/a')).id, `/a#${(await driver.state()).engine}`);
  const unknown = await driver.wait('connect_error', { nsp: '/unknown' });
  assert.deepEqual([unknown.kind, unknown.message], ['refused', 'Invalid namespace']);
  driver.send('connect', { nsp: '/strict' });
  assert.equal((await driver.wait('connect_error', { nsp: '/strict' })).message, 'not authorized');
  driver.send('connect', { nsp: '/strict', auth: { token: 'a,b' } });
  await driver.wait('connected', { nsp: '/strict' });
  driver.send('emit', { nsp: '/strict', event: 'echo', args: ['s'] });
  await driver.wait('event', { nsp: '/strict', name: 'echo', args: ['s'] });
  assert.equal(io.engine.clientsCount, 1);
});

onEveryLane('a lost connection comes back, with what waited', async (driver, { io }) => {
  for (const conn of Object.values(io.engine.clients)) conn.close();
  await driver.wait('disconnected', { nsp: '/' });
  driver.send('emit', { event: 'echo', args: ['waited'] });
  await driver.wait('connected', { nsp: '/' });
  await driver.wait('event', { name: 'echo', args: ['waited'] });
});

onEveryLane('a client that the server puts out stays out', async (driver) => {
  driver.send('emit', { event: 'leave', args: [false] });
  const { reason } = await driver.wait('disconnected', { nsp: '/' });
  assert.equal(reason, 'io server disconnect');
});
