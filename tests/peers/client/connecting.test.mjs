// Joining namespaces, being refused, losing the connection and getting it back.

import assert from 'node:assert/strict';
import { check, pause, until } from './driver.mjs';
import { Raw, handshake } from './raw.mjs';

const websocket = { transports: ['websocket'] };

check('C20 an attempt without an answer ends with the timeout', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, { timeout: 300 });
  driver.send('connect');
  await raw.get();
  await driver.wait('connect_error', { kind: 'timeout', reconnects: true });
  await driver.wait('reconnect_attempt', { n: 1 });
});

check('C20 a CONNECT without an answer ends with the timeout', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, { timeout: 300 });
  driver.send('connect');
  await raw.session();
  await driver.wait('connect_error', { kind: 'timeout' });
});

check('C21 a server that does not listen is a transport error', async (start, t) => {
  const raw = await Raw.start(t);
  await raw.stop();
  const driver = await start().open(raw.url, { reconnectionAttempts: 2 });
  driver.send('connect');
  await driver.wait('reconnect_failed');
  assert.deepEqual(driver.kinds(), [
    'connect_error', 'reconnect_attempt',
    'connect_error', 'reconnect_error', 'reconnect_attempt',
    'connect_error', 'reconnect_error', 'reconnect_failed',
  ]);
  assert.deepEqual(driver.of('connect_error').map(({ kind, reconnects }) => [kind, reconnects]), [
    ['transport', true], ['transport', true], ['transport', false],
  ]);
  assert.deepEqual(driver.of('reconnect_attempt').map(({ n }) => n), [1, 2]);
});

check('C25 C26 C29 namespaces share one connection, and each has an id of its own', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, websocket);
  driver.send('connect').send('connect', { nsp: '/a' }).send('connect', { nsp: '/b' });
  const session = await raw.session('websocket');
  for (const connect of ['40', '40/a,', '40/b,']) assert.equal(await session.packet(), connect);
  session.send('40{"sid":"x"}', '40/b,{"sid":"y"}');
  await driver.wait('connected', { nsp: '/', id: 'x' });
  await driver.wait('connected', { nsp: '/b', id: 'y' });
  const state = await driver.state('/a');
  assert.deepEqual([state.connected, state.active, state.id, state.engine], [false, true, null, 'S1']);
  assert.equal(raw.accepted, 1);
  session.send('42/b,["e"]');
  await driver.wait('event', { nsp: '/b' });
});

check('C27 the connection closes with its last namespace, and one that was left can be joined again', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, websocket);
  driver.send('connect').send('connect', { nsp: '/a' });
  const session = await raw.session('websocket');
  await session.packet((packet) => packet === '40/a,');
  session.send('40{"sid":"x"}', '40/a,{"sid":"y"}');
  await driver.wait('connected', { nsp: '/a' });
  driver.send('disconnect', { nsp: '/a' });
  const left = await driver.wait('disconnected', { nsp: '/a' });
  assert.deepEqual([left.reason, left.reconnects], ['io client disconnect', false]);
  await session.packet((packet) => packet === '41/a,');
  driver.send('connect', { nsp: '/a' });
  await session.packet((packet) => packet === '40/a,');
  session.send('40/a,{"sid":"z"}');
  await driver.wait('connected', { nsp: '/a', id: 'z' });
  driver.send('close');
  await session.frame(8);
  await driver.wait('engine_close', { reason: 'io client disconnect' });
});

check('C28 packets of a namespace that is not joined are ignored', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, websocket);
  driver.send('connect');
  const session = await raw.joined('websocket');
  await driver.wait('connected');
  session.send('42/other,["no"]', '41/other,', '43/other,1[]', '44/other,{"message":"no"}', '42["yes"]');
  await driver.wait('event', { name: 'yes' });
  assert.equal(driver.of('event').length, 1);
});

for (const [payload, message, data] of [
  ['{"message":"not authorized","data":{"code":401}}', 'not authorized', { code: 401 }],
  ['{"message":"no"}', 'no', undefined],
  ['"plain text"', 'plain text', undefined],
]) {
  check(`C30 a namespace that is refused with ${payload} is not tried again`, async (start, t) => {
    const raw = await Raw.start(t);
    const driver = await start().open(raw.url, websocket);
    driver.send('connect').send('connect', { nsp: '/a' });
    const session = await raw.session('websocket');
    await session.packet((packet) => packet === '40/a,');
    session.send('40{"sid":"x"}', `44/a,${payload}`);
    const refused = await driver.wait('connect_error', { nsp: '/a' });
    assert.equal(refused.kind, 'refused');
    assert.equal(refused.message, message);
    assert.deepEqual(refused.data, data);
    assert.equal(refused.reconnects, false);
    assert.equal((await driver.state('/a')).active, false);
    assert.equal((await driver.state('/')).connected, true);
  });
}

for (const [status, transport] of [[401, 'polling'], [503, 'polling'], [403, 'websocket'], [200, 'websocket']]) {
  check(`C31 a ${transport} handshake that is answered ${status} is an error with the status`, async (start, t) => {
    const raw = await Raw.start(t);
    const driver = await start().open(raw.url, { transports: [transport] });
    driver.send('connect').send('connect', { nsp: '/a' });
    await driver.sync();
    (await raw.request()).answer(status, {}, 'no');
    for (const nsp of ['/', '/a']) {
      const error = await driver.wait('connect_error', { nsp });
      assert.deepEqual([error.status, error.reconnects], [status, true]);
      if (status !== 200) assert.equal(error.kind, 'transport');
    }
  });
}

check('C32 a CONNECT that is answered without an id is of another version', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, websocket);
  driver.send('connect');
  const session = await raw.session('websocket');
  await session.packet();
  session.send('40');
  await driver.wait('connect_error', { kind: 'protocol' });
  await session.closed;
});

for (const open of [
  'hello', '<html></html>', '', '0', '0{', '0[]', '0{}', '4{}', '2', '1', '6',
  handshake({ sid: '' }), handshake({ sid: 7 }), handshake({ sid: 'x'.repeat(1_000_000) }),
  handshake({ pingInterval: 0 }), handshake({ pingInterval: -1 }), handshake({ pingInterval: '25000' }),
  handshake({ pingInterval: undefined }), handshake({ pingTimeout: undefined }), handshake({ pingTimeout: 0 }),
  '0{"sid":"x","upgrades":[],"pingInterval":1e300,"pingTimeout":20000}',
]) {
  check(`C33 attack C20 a handshake that is ${open.slice(0, 70) || 'empty'} is no reason to give up`, async (start, t) => {
    const raw = await Raw.start(t);
    const driver = await start().open(raw.url, { transports: ['polling'] });
    driver.send('connect');
    (await raw.get()).reply(open);
    await driver.wait('connect_error', { kind: 'protocol', reconnects: true });
    await raw.joined();
    await driver.wait('connected');
  });
}

check('attack C20 upgrades that are none, and a maxPayload of 0, are survived', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url);
  driver.send('connect');
  (await raw.get()).reply(handshake({ upgrades: [1, null, {}, 'webtransport', 'polling'], maxPayload: 0 }));
  await until(() => driver.kinds().length > 0, 'something');
  await pause(100);
  assert.ok(raw.requests.length < 30, 'nothing is in a hot loop');
});

for (const packets of [[handshake({ sid: 'S2' })], ['1']]) {
  check(`attack C20 a session that is sent ${packets[0].slice(0, 10)} is over`, async (start, t) => {
    const raw = await Raw.start(t);
    const driver = await start().open(raw.url, websocket);
    driver.send('connect');
    const session = await raw.joined('websocket');
    await driver.wait('connected');
    session.send(...packets);
    await driver.wait('disconnected', { reconnects: true });
    await raw.joined('websocket', { sid: 'S3' });
    await driver.wait('connected', { id: 'id-S3' });
  });
}

check('C34 events before the answer to CONNECT are delivered after it, and before what waited is sent', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, websocket);
  driver.send('answer', { event: 'early', args: ['answer'] });
  driver.send('emit', { event: 'waited' }).send('connect');
  const session = await raw.session('websocket');
  await session.packet();
  session.send('427["early",1]', '40{"sid":"x"}');
  await driver.wait('event', { name: 'early', ack: true });
  assert.deepEqual(driver.kinds('connected', 'event'), ['connected', 'event']);
  const packets = [await session.packet(), await session.packet()].sort();
  assert.deepEqual(packets, ['42["waited"]', '437["answer"]']);
});

check('C35 connecting twice is connecting once', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, websocket);
  driver.send('connect').send('connect');
  const session = await raw.joined('websocket');
  await driver.wait('connected');
  driver.send('connect').send('emit', { event: 'e' });
  assert.equal(await session.packet(), '42["e"]');
  assert.equal(raw.accepted, 1);
});

for (const [reason, lose, reconnects] of [
  ['io server disconnect', (session) => session.send('41'), false],
  ['transport close', (session) => session.send('1'), true],
  ['transport close', (session) => session.close(1001), true],
  ['transport close', (session) => session.socket.end(), true],
  ['parse error', (session) => session.send('4?'), true],
  ['ping timeout', () => {}, true],
]) {
  check(`C40 ${reason}: ${lose}`, async (start, t) => {
    const raw = await Raw.start(t);
    const driver = await start().open(raw.url, websocket);
    driver.send('connect');
    const times = reason === 'ping timeout' ? { pingInterval: 300, pingTimeout: 200 } : {};
    const session = await raw.joined('websocket', times);
    await driver.wait('connected');
    lose(session);
    const lost = await driver.wait('disconnected');
    assert.deepEqual([lost.reason, lost.reconnects], [reason, reconnects]);
    if (reconnects) {
      await raw.joined('websocket', { sid: 'S2' });
      await driver.wait('connected', { id: 'id-S2' });
      assert.deepEqual(driver.of('reconnect').map(({ n }) => n), [1]);
    } else {
      assert.equal((await driver.state()).active, false);
      driver.send('connect');
      await raw.joined('websocket', { sid: 'S2' });
      await driver.wait('connected', { id: 'id-S2' });
    }
  });
}

check('C41 waits double up to the largest', async (start, t) => {
  const raw = await Raw.start(t);
  const opts = { transports: ['polling'], reconnectionDelay: 200, reconnectionDelayMax: 500, randomizationFactor: 0 };
  const driver = await start().open(raw.url, opts);
  driver.send('connect');
  (await raw.get()).answer(500);
  for (const wait of [200, 400, 500, 500]) {
    const begin = Date.now();
    (await raw.get()).answer(500);
    const took = Date.now() - begin;
    assert.ok(took >= wait - 20, `${took} ms instead of ${wait} ms`);
  }
});

check('C42 C46 attempts are counted from 1, and start over after a success', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, websocket);
  driver.send('connect');
  for (const sid of ['S1', 'S2']) {
    const session = await raw.joined('websocket', { sid });
    await driver.wait('connected', { id: `id-${sid}` });
    session.socket.destroy();
    await driver.wait('reconnect_attempt', { n: 1 });
    (await raw.upgrade()).answer(500);
    await driver.wait('reconnect_error');
    await driver.wait('reconnect_attempt', { n: 2 });
  }
  await raw.joined('websocket', { sid: 'S3' });
  await driver.wait('connected', { id: 'id-S3' });
  assert.deepEqual(driver.of('reconnect').map(({ n }) => n), [2, 2]);
});

check('C43 a first connection that fails is tried again', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, { transports: ['polling'] });
  driver.send('connect');
  (await raw.get()).answer(500);
  await driver.wait('connect_error', { reconnects: true });
  await raw.joined('polling');
  await driver.wait('connected');
  assert.equal((await driver.wait('reconnect')).n, 1);
});

check('C44 leaving ends the attempts', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, { ...websocket, reconnectionDelay: 200, reconnectionDelayMax: 200 });
  driver.send('connect');
  const session = await raw.joined('websocket');
  await driver.wait('connected');
  session.socket.destroy();
  await driver.wait('disconnected');
  driver.send('disconnect');
  await driver.sync();
  await pause(600);
  assert.equal(raw.accepted, 1);
  assert.equal((await driver.state()).active, false);
});

check('C44 connecting cuts the wait short', async (start, t) => {
  const raw = await Raw.start(t);
  const slow = { reconnectionDelay: 10 * 60_000, reconnectionDelayMax: 10 * 60_000 };
  const driver = await start().open(raw.url, { ...websocket, ...slow });
  driver.send('connect');
  const session = await raw.joined('websocket');
  await driver.wait('connected');
  session.socket.destroy();
  await driver.wait('disconnected');
  driver.send('connect');
  await raw.joined('websocket', { sid: 'S2' });
  await driver.wait('connected', { id: 'id-S2' });
});

check('C45 all namespaces join again, and handlers do not multiply', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, websocket);
  driver.send('on', { event: 'e' }).send('on', { nsp: '/a', event: 'e' });
  driver.send('connect', { auth: { x: 1 } }).send('connect', { nsp: '/a', auth: { y: 2 } });
  for (const sid of ['S1', 'S2']) {
    const session = await raw.session('websocket', { sid });
    assert.equal(await session.packet(), '40{"x":1}');
    assert.equal(await session.packet(), '40/a,{"y":2}');
    session.send(`40{"sid":"${sid}"}`, `40/a,{"sid":"${sid}"}`, '42["e"]', '42/a,["e"]');
    await driver.wait('handled', { nsp: '/a' });
    session.socket.destroy();
  }
  assert.equal(driver.of('handled').length, 4);
});

check('C47 without reconnection a loss is told once, and the namespace stays active', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, { ...websocket, reconnection: false });
  driver.send('connect');
  const session = await raw.joined('websocket');
  await driver.wait('connected');
  session.socket.destroy();
  const lost = await driver.wait('disconnected');
  assert.equal(lost.reconnects, false);
  assert.equal((await driver.state()).active, true);
  await pause(100);
  assert.deepEqual(driver.kinds().slice(-1), ['disconnected']);
  assert.equal(raw.accepted, 1);
});

check('C47 reconnection that is forbidden while the client waits counts at once', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, { ...websocket, reconnectionDelay: 500, reconnectionDelayMax: 500 });
  driver.send('connect');
  const session = await raw.joined('websocket');
  await driver.wait('connected');
  session.socket.destroy();
  await driver.wait('disconnected');
  driver.send('set', { opts: { reconnection: false } });
  await driver.sync();
  await pause(1_000);
  assert.equal(raw.accepted, 1);
});

check('C48 a server that is overloaded says when to try again', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, { transports: ['polling'] });
  driver.send('connect');
  (await raw.get()).answer(503, { 'Retry-After': '2' });
  await driver.wait('connect_error', { status: 503 });
  const begin = Date.now();
  await raw.get();
  assert.ok(Date.now() - begin >= 1_900, `${Date.now() - begin} ms`);
});

check('C49 a ping restarts the wait for the next', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, websocket);
  driver.send('connect');
  const session = await raw.joined('websocket', { pingInterval: 1_000, pingTimeout: 1_000 });
  await driver.wait('connected');
  for (let n = 0; n < 5; n += 1) {
    await pause(500);
    session.send('2');
    assert.equal(await session.packet(), '3');
  }
  const begin = Date.now();
  await driver.wait('disconnected', { reason: 'ping timeout', reconnects: true });
  const took = Date.now() - begin;
  assert.ok(took >= 1_900, `${took} ms`);
});

for (const transport of ['polling', 'websocket']) {
  check(`C50 a ping is answered once on ${transport}, and none is sent unasked`, async (start, t) => {
    const raw = await Raw.start(t);
    const driver = await start().open(raw.url, { transports: [transport] });
    driver.send('connect');
    const session = await raw.joined(transport);
    await driver.wait('connected');
    session.send('2');
    assert.equal(await session.packet(), '3');
    session.send('2');
    assert.equal(await session.packet(), '3');
    driver.send('emit', { event: 'e' });
    assert.equal(await session.packet(), '42["e"]');
    assert.deepEqual(session.packets, []);
  });
}

check('C80 C81 C82 a session that can be recovered is asked for, until the namespace is left', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, websocket);
  driver.send('connect', { auth: { token: 'x' } });
  let session = await raw.session('websocket', { sid: 'S1' });
  await session.packet();
  session.send('40{"sid":"a","pid":"P"}', '42["e",1,"offset-1"]', '42["e",2,"offset-2"]', '42["e",3]');
  await driver.wait('event', { args: [3] });
  session.socket.destroy();
  session = await raw.session('websocket', { sid: 'S2' });
  assert.deepEqual(JSON.parse((await session.packet()).slice(2)), { pid: 'P', offset: 'offset-2', token: 'x' });
  session.send('42["missed","offset-3"]', '40{"sid":"a","pid":"P"}');
  await driver.wait('connected', { id: 'a', recovered: true });
  await driver.wait('event', { name: 'missed' });
  driver.send('disconnect');
  await driver.wait('engine_close');
  driver.send('connect');
  session = await raw.session('websocket', { sid: 'S3' });
  assert.equal(await session.packet(), '40{"token":"x"}');
});

for (const transport of ['polling', 'websocket']) {
  check(`C105 C106 leaving on ${transport} sends what waits, leaves, and closes`, async (start, t) => {
    const raw = await Raw.start(t);
    const driver = await start().open(raw.url, { transports: [transport] });
    driver.send('connect');
    const session = await raw.joined(transport);
    await driver.wait('connected');
    for (let n = 0; n < 100; n += 1) driver.send('emit', { event: 'e', args: [n] });
    driver.send('disconnect');
    await driver.wait('disconnected', { reason: 'io client disconnect', reconnects: false });
    for (let n = 0; n < 100; n += 1) assert.equal(await session.packet(), `42["e",${n}]`);
    assert.equal(await session.packet(), '41');
    if (transport === 'polling') assert.equal(await session.packet(), '1');
    else await session.frame(8);
    await driver.wait('engine_close', { reason: 'io client disconnect' });
    assert.equal((await driver.state()).engine, null);
  });
}

check('C110 signals are not caught', async (start) => {
  const driver = await start().open('http://127.0.0.1:9');
  driver.child.kill('SIGINT');
  assert.equal(await driver.exited, 'SIGINT');
});
