// Against the JavaScript server of npm, which runs in this process.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import parser from 'socket.io-msgpack-parser';
import { binary, check, until } from './driver.mjs';

/** Starts a server that echoes, asks and refuses. */
async function serve(t, options = {}, port = 0) {
  const http = createServer();
  const io = new Server(http, { pingInterval: 2_000, pingTimeout: 20_000, ...options });
  const greet = (socket) => {
    socket.emit('welcome', socket.handshake.auth);
    socket.on('echo', (...args) => {
      const ack = typeof args.at(-1) === 'function' ? args.pop() : undefined;
      if (ack) ack(...args);
      else socket.emit('echo', ...args);
    });
    socket.on('ask', async (event, ...args) => {
      try {
        socket.emit('asked', await socket.timeout(20_000).emitWithAck(event, ...args));
      } catch {
        socket.emit('asked', 'nothing');
      }
    });
    socket.on('leave', (close) => socket.disconnect(close));
    socket.on('cut', () => socket.conn.transport.close?.() ?? socket.conn.close());
    socket.on('length', (data, ack) => ack(data.length));
    socket.on('never', () => {});
  };
  for (const name of ['/', '/a', '/b']) io.of(name).on('connection', greet);
  const strict = io.of('/strict');
  strict.use((socket, next) => {
    if (socket.handshake.auth.token === 'secret') return next();
    const error = new Error('not authorized');
    error.data = { code: 401 };
    return next(error);
  });
  strict.on('connection', greet);
  await new Promise((resolve) => http.listen(port, '127.0.0.1', resolve));
  t.after(() => stop(io));
  return { io, http, port: http.address().port, url: `http://127.0.0.1:${http.address().port}` };
}

function stop(io) {
  return new Promise((resolve) => io.close(() => resolve()));
}

const lanes = {
  polling: { transports: ['polling'] },
  websocket: { transports: ['websocket'] },
  upgrade: {},
};

function onEveryLane(claim, body) {
  for (const [lane, opts] of Object.entries(lanes)) {
    check(`npm: ${claim} [${lane}]`, async (start, t) => {
      const server = await serve(t);
      const driver = await start().open(server.url, opts);
      driver.send('connect', { auth: { token: 'x' } });
      await driver.wait('connected', { nsp: '/' });
      await body(driver, server, lane);
    });
  }
}

onEveryLane('a session opens, carries auth, answers pings and closes', async (driver, { io }, lane) => {
  assert.deepEqual((await driver.wait('event', { name: 'welcome' })).args, [{ token: 'x' }]);
  if (lane === 'upgrade') await driver.wait('upgrade', { transport: 'websocket' });
  const [socket] = await io.fetchSockets();
  const { id, engine, transport } = await driver.state();
  assert.equal(id, socket.id);
  assert.equal(engine, io.sockets.sockets.get(id).conn.id);
  assert.equal(transport, lane === 'polling' ? 'polling' : 'websocket');
  let pongs = 0;
  io.sockets.sockets.get(id).conn.on('heartbeat', () => (pongs += 1));
  await until(() => pongs > 0, 'a pong');
  const gone = new Promise((resolve) => io.sockets.sockets.get(id).on('disconnect', resolve));
  await driver.exit();
  assert.equal(await gone, 'client namespace disconnect');
  await until(() => io.engine.clientsCount === 0, 'the end of the connection');
});

onEveryLane('events go both ways, in order, with all kinds of values', async (driver) => {
  const values = [null, true, 1.5, 'ü世', [], {}, { a: [binary([1, 2, 3]), { b: binary([]) }] }, binary([255])];
  driver.send('emit', { event: 'echo', args: values });
  assert.deepEqual((await driver.wait('event', { name: 'echo' })).args, values);
  for (let n = 0; n < 500; n += 1) driver.send('emit', { event: 'echo', args: n % 7 ? [n] : [n, binary([n % 256])] });
  await until(() => driver.of('event', { name: 'echo' }).length === 501, 'the last echo');
  const seen = driver.of('event', { name: 'echo' }).slice(1).map(({ args }) => args[0]);
  assert.deepEqual(seen, Array.from({ length: 500 }, (_, n) => n));
});

onEveryLane('acknowledgements go both ways', async (driver) => {
  driver.send('emit', { event: 'echo', args: [], ack: 'none' });
  driver.send('emit', { event: 'echo', args: [1, { x: binary([9]) }], ack: 'some' });
  driver.send('emit', { event: 'never', args: [], ack: 'never', timeout: 200 });
  assert.deepEqual((await driver.wait('ack', { tag: 'none' })).args, []);
  assert.deepEqual((await driver.wait('ack', { tag: 'some' })).args, [1, { x: binary([9]) }]);
  await driver.wait('ack_error', { tag: 'never', error: 'timeout' });
  driver.send('answer', { event: 'question', args: [binary([1])] }).send('emit', { event: 'ask', args: ['question', 2] });
  const question = await driver.wait('event', { name: 'question' });
  assert.deepEqual([question.args, question.ack], [[2], true]);
  assert.deepEqual((await driver.wait('event', { name: 'asked' })).args, [binary([1])]);
});

onEveryLane('large messages travel both ways', async (driver, _, lane) => {
  const text = 'x'.repeat(900_000);
  driver.send('emit', { event: 'echo', args: [text], ack: 'text' });
  assert.deepEqual((await driver.wait('ack', { tag: 'text' })).args, [text]);
  const bytes = binary(Buffer.alloc(lane === 'websocket' ? 900_000 : 600_000, 7));
  driver.send('emit', { event: 'echo', args: [bytes], ack: 'bytes' });
  assert.deepEqual((await driver.wait('ack', { tag: 'bytes' })).args, [bytes]);
  driver.send('emit', { event: 'echo', args: ['x'.repeat(1_000_001)] });
  await driver.wait('error', { op: 'emit', error: 'too large' });
  driver.send('emit', { event: 'length', args: ['x'], ack: 'after' });
  assert.deepEqual((await driver.wait('ack', { tag: 'after' })).args, [1]);
});

onEveryLane('several namespaces share the connection, and one is refused', async (driver, { io }) => {
  driver.send('connect', { nsp: '/a' }).send('connect', { nsp: '/b', auth: { b: 1 } }).send('connect', { nsp: '/strict' });
  driver.send('connect', { nsp: '/unknown' });
  for (const nsp of ['/a', '/b']) await driver.wait('connected', { nsp });
  assert.deepEqual((await driver.wait('event', { nsp: '/b', name: 'welcome' })).args, [{ b: 1 }]);
  const refused = await driver.wait('connect_error', { nsp: '/strict' });
  assert.deepEqual([refused.kind, refused.message, refused.data], ['refused', 'not authorized', { code: 401 }]);
  const unknown = await driver.wait('connect_error', { nsp: '/unknown' });
  assert.deepEqual([unknown.kind, unknown.message], ['refused', 'Invalid namespace']);
  assert.equal(io.engine.clientsCount, 1);
  driver.send('set', { nsp: '/strict', opts: { auth: { token: 'secret' } } }).send('connect', { nsp: '/strict' });
  await driver.wait('connected', { nsp: '/strict' });
  driver.send('emit', { nsp: '/a', event: 'echo', args: ['a'] }).send('emit', { nsp: '/strict', event: 'echo', args: ['s'] });
  await driver.wait('event', { nsp: '/a', name: 'echo', args: ['a'] });
  await driver.wait('event', { nsp: '/strict', name: 'echo', args: ['s'] });
  driver.send('disconnect', { nsp: '/a' });
  await until(() => io.of('/a').sockets.size === 0, 'the leaving of one');
  assert.equal((await driver.state('/b')).connected, true);
});

onEveryLane('a server that puts the client out is not tried again until the client wants', async (driver) => {
  driver.send('emit', { event: 'leave', args: [false] });
  const left = await driver.wait('disconnected');
  assert.deepEqual([left.reason, left.reconnects], ['io server disconnect', false]);
  driver.send('connect');
  await driver.wait('connected');
});

onEveryLane('a killed transport is survived, and what was sent meanwhile arrives', async (driver, { io }) => {
  driver.send('emit', { event: 'echo', args: ['before'] });
  await driver.wait('event', { name: 'echo', args: ['before'] });
  for (const [, socket] of io.sockets.sockets) socket.conn.close(true);
  const lost = await driver.wait('disconnected');
  assert.equal(lost.reconnects, true);
  driver.send('emit', { event: 'echo', args: ['meanwhile'] });
  await driver.wait('connected');
  await driver.wait('event', { name: 'echo', args: ['meanwhile'] });
  assert.equal(driver.of('reconnect').length, 1);
});

for (const [lane, opts] of Object.entries(lanes)) {
  check(`npm: a server that restarts is found again [${lane}]`, async (start, t) => {
    const first = await serve(t);
    const driver = await start().open(first.url, opts);
    driver.send('connect', { auth: { $fn: [{ n: 1 }, { n: 2 }] } });
    assert.deepEqual((await driver.wait('event', { name: 'welcome' })).args, [{ n: 1 }]);
    first.http.closeAllConnections();
    await stop(first.io);
    await driver.wait('disconnected', { reconnects: true });
    await driver.wait('reconnect_error');
    await serve(t, {}, first.port);
    await driver.wait('reconnect');
    assert.deepEqual((await driver.wait('event', { name: 'welcome' })).args, [{ n: 2 }]);
    driver.send('emit', { event: 'echo', args: ['on'] });
    await driver.wait('event', { name: 'echo', args: ['on'] });
  });

  check(`npm: a lost connection is recovered with its id, rooms and missed events [${lane}]`, async (start, t) => {
    const { io, url } = await serve(t, { connectionStateRecovery: {} });
    const driver = await start().open(url, { ...opts, reconnectionDelay: 300, reconnectionDelayMax: 300 });
    driver.send('connect');
    const { id, recovered } = await driver.wait('connected');
    assert.equal(recovered, false);
    if (lane === 'upgrade') await driver.wait('upgrade');
    const socket = io.sockets.sockets.get(id);
    socket.join('room');
    io.to('room').emit('seen', 1);
    await driver.wait('event', { name: 'seen' });
    socket.conn.close(true);
    await driver.wait('disconnected');
    io.to('room').emit('missed', 2);
    const again = await driver.wait('connected');
    assert.deepEqual([again.id, again.recovered], [id, true]);
    await driver.wait('event', { name: 'missed' });
    io.to('room').emit('after', 3);
    await driver.wait('event', { name: 'after' });
  });
}

check('npm: cookies that the server sets come back', async (start, t) => {
  const { io, url } = await serve(t, { cookie: { name: 'io', path: '/' } });
  const cookies = [];
  io.engine.on('headers', (_, request) => cookies.push(request.headers.cookie));
  const driver = await start().open(url, { withCredentials: true, transports: ['polling'] });
  driver.send('connect');
  await driver.wait('connected');
  const { engine } = await driver.state();
  await until(() => cookies.includes(`io=${engine}`), 'the cookie');
});

check('npm: another path, query and header fields reach the server', async (start, t) => {
  const { io, url } = await serve(t, { path: '/other' });
  const driver = await start().open(`${url}/a?x=1`, { path: '/other', query: { y: '2=3' }, headers: { 'X-App': 'z' } });
  driver.send('connect');
  const { id } = await driver.wait('connected', { nsp: '/a' });
  const { query, headers } = io.of('/a').sockets.get(id).handshake;
  assert.deepEqual([query.x, query.y, query.EIO, headers['x-app']], ['1', '2=3', '4', 'z']);
});

check('npm: a server that takes little is obeyed', async (start, t) => {
  const { url } = await serve(t, { maxHttpBufferSize: 1_000 });
  const driver = await start().open(url, { transports: ['polling'] });
  driver.send('connect');
  await driver.wait('connected');
  for (let n = 0; n < 50; n += 1) driver.send('emit', { event: 'echo', args: ['x'.repeat(300), n] });
  driver.send('emit', { event: 'echo', args: ['x'.repeat(1_000)] });
  await driver.wait('error', { error: 'too large' });
  await until(() => driver.of('event', { name: 'echo' }).length === 50, 'the last echo');
  assert.deepEqual(driver.of('disconnected'), []);
});

check('C88 npm: the MessagePack parser', async (start, t) => {
  const { url } = await serve(t, { parser });
  const driver = await start().open(url, { parser: 'msgpack' });
  driver.send('connect', { auth: { token: 'x' } });
  assert.deepEqual((await driver.wait('event', { name: 'welcome' })).args, [{ token: 'x' }]);
  await driver.wait('upgrade');
  const values = [null, -1.5, 'ü世', { a: [binary([1, 2]), 9007199254740991] }];
  driver.send('emit', { event: 'echo', args: values, ack: 'echo' });
  assert.deepEqual((await driver.wait('ack', { tag: 'echo' })).args, values);
  driver.send('connect', { nsp: '/strict' });
  await driver.wait('connect_error', { nsp: '/strict', kind: 'refused', message: 'not authorized' });
});

check('npm: polling that is refused gives way to a WebSocket', async (start, t) => {
  const { url } = await serve(t, { transports: ['websocket'] });
  const driver = await start().open(url);
  driver.send('connect');
  await driver.wait('connected', { transport: 'websocket' });
});

check('npm: a hundred reconnections leave nothing behind', async (start, t) => {
  const { io, url } = await serve(t);
  const driver = await start().open(url, { transports: ['websocket'], reconnectionDelay: 1, reconnectionDelayMax: 1 });
  driver.send('on', { event: 'welcome' }).send('connect');
  for (let n = 0; n < 100; n += 1) {
    const { id } = await driver.wait('connected');
    await driver.wait('handled');
    io.sockets.sockets.get(id).conn.close(true);
  }
  await driver.wait('connected');
  await driver.wait('handled');
  await until(() => io.engine.clientsCount === 1, 'the end of all others');
  assert.equal(driver.of('handled').length, 101);
});
