// Transports, upgrades, and what HTTP and WebSocket allow.

import assert from 'node:assert/strict';
import { check, pause, until } from './driver.mjs';
import { Raw, handshake } from './raw.mjs';

check('C11 the first transport of the list opens the session', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, { transports: ['websocket', 'polling'] });
  driver.send('connect');
  const session = await raw.joined('websocket');
  assert.equal(session.request.query.transport, 'websocket');
  assert.equal((await driver.wait('connected')).transport, 'websocket');
  assert.equal(raw.requests.length, 1, 'there is no upgrade from a WebSocket');
});

for (const [why, fields, opts] of [
  ['the server has none', {}, {}],
  ['the client wants none', { upgrades: ['websocket'] }, { upgrade: false }],
  ['the list has no WebSocket', { upgrades: ['websocket'] }, { transports: ['polling'] }],
]) {
  check(`C12 there is no upgrade when ${why}`, async (start, t) => {
    const raw = await Raw.start(t);
    const driver = await start().open(raw.url, opts);
    driver.send('connect');
    const session = await raw.joined('polling', fields);
    await driver.wait('connected');
    session.send('2');
    await session.packet((packet) => packet === '3');
    assert.ok(!raw.requests.some((request) => request.isUpgrade));
  });
}

check('C13 the upgrade probes, pauses polling, and moves', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url);
  driver.send('connect');
  const session = await raw.joined('polling', { upgrades: ['websocket'] });
  const ws = (await raw.upgrade()).accept();
  assert.equal(await ws.packet(), '2probe');
  ws.send('3probe');
  await driver.wait('connected');
  driver.send('emit', { event: 'during' });
  await driver.sync();
  assert.equal(await session.release(ws), '5');
  assert.equal((await driver.wait('upgrade')).transport, 'websocket');
  const packets = [...session.packets];
  if (!packets.includes('42["during"]')) assert.equal(await ws.packet(), '42["during"]');
  const requests = raw.requests.length;
  ws.send('42["after"]', '2');
  await driver.wait('event', { name: 'after' });
  assert.equal(await ws.packet(), '3');
  assert.equal(raw.requests.length, requests, 'nothing is polled any more');
});

check('C15 the upgrade loses and reorders nothing', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url);
  driver.send('connect');
  const session = await raw.joined('polling', { upgrades: ['websocket'] });
  await driver.wait('connected');
  const emit = (from) => {
    for (let n = from; n < from + 50; n += 1) driver.send('emit', { event: 'e', args: [n] });
  };
  emit(0);
  const ws = (await raw.upgrade()).accept();
  assert.equal(await ws.packet(), '2probe');
  emit(50);
  ws.send('3probe');
  emit(100);
  assert.equal(await session.release(ws), '5');
  emit(150);
  const events = session.packets.filter((packet) => packet.startsWith('42'));
  while (events.length < 200) events.push(await ws.packet());
  assert.deepEqual(events, Array.from({ length: 200 }, (_, n) => `42["e",${n}]`));
});

for (const [how, refuse] of [
  ['is refused', (upgrade) => upgrade.answer(400, {}, 'no')],
  ['is closed', (upgrade) => upgrade.accept().close()],
  ['is answered wrongly', (upgrade) => upgrade.accept().send('3prob')],
  ['breaks', (upgrade) => upgrade.socket.destroy()],
]) {
  check(`C14 polling goes on when the probe ${how}`, async (start, t) => {
    const raw = await Raw.start(t);
    const driver = await start().open(raw.url);
    driver.send('connect');
    const session = await raw.joined('polling', { upgrades: ['websocket'] });
    refuse(await raw.upgrade());
    await driver.wait('upgrade_error');
    session.send('42["on"]');
    await driver.wait('event', { name: 'on' });
    assert.deepEqual(driver.of('engine_close'), []);
  });
}

check('C14 a probe without an answer ends with the timeout, and its stream is closed', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, { timeout: 1_000 });
  driver.send('connect');
  const session = await raw.joined('polling', { upgrades: ['websocket'] });
  const upgrade = await raw.upgrade();
  const closed = new Promise((resolve) => upgrade.socket.on('close', resolve).resume());
  await driver.wait('upgrade_error');
  await closed;
  session.send('42["on"]');
  await driver.wait('event', { name: 'on' });
});

check('C16 a session begins on the WebSocket that the one before ended on', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, { rememberUpgrade: true });
  driver.send('connect');
  const session = await raw.joined('polling', { upgrades: ['websocket'] });
  const ws = (await raw.upgrade()).accept();
  assert.equal(await ws.packet(), '2probe');
  ws.send('3probe');
  assert.equal(await session.release(ws), '5');
  await driver.wait('upgrade');
  ws.socket.destroy();
  assert.equal((await raw.upgrade()).query.sid, undefined);
});

check('C17 the next transport is tried at once', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, { transports: ['polling', 'websocket'], tryAllTransports: true });
  driver.send('connect');
  (await raw.get()).answer(400, {}, '{"code":0,"message":"Transport unknown"}');
  await raw.joined('websocket');
  await driver.wait('connected', { transport: 'websocket' });
  assert.deepEqual(driver.of('connect_error'), []);
});

check('C18 subprotocols are offered, and the choice must be one of them', async (start, t) => {
  const raw = await Raw.start(t);
  const opts = { transports: ['websocket'], protocols: ['one', 'two'] };
  const driver = await start().open(raw.url, opts);
  driver.send('connect');
  const upgrade = await raw.upgrade();
  assert.deepEqual(upgrade.headers['sec-websocket-protocol'].split(/, */), ['one', 'two']);
  upgrade.accept({ 'Sec-WebSocket-Protocol': 'three' });
  await driver.wait('connect_error', { kind: 'protocol' });
  (await raw.upgrade()).accept({ 'Sec-WebSocket-Protocol': 'two' }).send(handshake());
  await driver.wait('engine_open');
});

check('C19 binary goes as base64 on a WebSocket when asked for', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, { transports: ['websocket'], forceBase64: true });
  driver.send('connect');
  const session = await raw.joined('websocket');
  assert.equal(session.request.query.b64, '1');
  driver.send('emit', { event: 'b', args: [{ $bin: 'AQID' }] });
  assert.match(await session.packet(), /^451-/);
  assert.equal(await session.packet(), 'bAQID');
});

check('C90 one GET and one POST are in flight at most', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url);
  driver.send('connect');
  const session = await raw.joined();
  await driver.wait('connected');
  session.answers = false;
  for (let n = 0; n < 5; n += 1) driver.send('emit', { event: 'e', args: [n] });
  await driver.sync();
  await until(() => session.posts.length === 2, 'the POST of an event');
  await pause(50);
  assert.equal(session.posts.length, 2, 'the second POST waits for the answer to the first');
  assert.equal(session.gets, 2);
  const post = session.posts[1];
  assert.equal(post.headers['content-type'], 'text/plain;charset=UTF-8');
  assert.equal(post.headers.accept, '*/*');
  session.answers = true;
  post.reply('ok');
  for (let n = 0; n < 5; n += 1) assert.equal(await session.packet((it) => it.startsWith('42')), `42["e",${n}]`);
});

check('C91 answers in chunks, and answers after which the stream ends, are read', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url);
  driver.send('connect');
  const get = await raw.get();
  const [a, b] = [handshake().slice(0, 10), handshake().slice(10)];
  const chunk = (text) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
  get.socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk(a)}`);
  get.socket.write(`${chunk(b)}0\r\n\r\n`);
  (await raw.post()).reply('ok');
  const next = await raw.get();
  next.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\n40{"sid":"x"}');
  await driver.wait('connected', { id: 'x' });
  (await raw.get()).reply('42["kept"]');
  await driver.wait('event', { name: 'kept' });
});

check('C92 a request that fails ends the session with its status', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, { transports: ['polling'] });
  driver.send('connect');
  const session = await raw.joined();
  await driver.wait('connected');
  const get = await session.held();
  session.fail();
  get.answer(400, {}, '{"code":1,"message":"Session ID unknown"}');
  const lost = await driver.wait('disconnected');
  assert.deepEqual([lost.reason, lost.reconnects], ['transport error', true]);
  await raw.joined('polling', { sid: 'S2' });
  await driver.wait('connected', { id: 'id-S2' });
});

check('C93 a poll without an answer is a ping timeout', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, { transports: ['polling'] });
  driver.send('connect');
  await raw.joined('polling', { pingInterval: 300, pingTimeout: 200 });
  await driver.wait('connected');
  await driver.wait('disconnected', { reason: 'ping timeout' });
});

check('C96 a GET on a kept stream that turns out closed is made again', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, { transports: ['polling'] });
  driver.send('connect');
  const session = await raw.joined();
  await driver.wait('connected');
  const get = await session.held();
  get.socket.end();
  session.send('42["again"]');
  await driver.wait('event', { name: 'again' });
  assert.deepEqual(driver.of('disconnected'), []);
});

check('C103 every frame is masked with fresh randomness', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, { transports: ['websocket'] });
  driver.send('connect');
  const session = await raw.joined('websocket');
  await driver.wait('connected');
  for (let n = 0; n < 20; n += 1) driver.send('emit', { event: 'e', args: [n] });
  for (let n = 0; n < 20; n += 1) assert.equal(await session.packet(), `42["e",${n}]`);
  assert.ok(session.frames.every((frame) => frame.masked && frame.rsv === 0));
  assert.equal(new Set(session.frames.map((frame) => frame.mask.toString('hex'))).size, session.frames.length);
});

for (const [what, misbehave] of [
  ['a masked frame', (ws) => ws.sendFrame(1, Buffer.from('2'), { masked: true })],
  ['a reserved bit', (ws) => ws.sendFrame(1, Buffer.from('2'), { rsv: 0x40 })],
  ['an unknown opcode', (ws) => ws.sendFrame(3, Buffer.from('2'))],
  ['a continuation of nothing', (ws) => ws.sendFrame(0, Buffer.from('2'))],
  ['text that is no UTF-8', (ws) => ws.sendFrame(1, Buffer.from([0x34, 0xff]))],
  ['a ping in pieces', (ws) => ws.sendFrame(9, Buffer.from('2'), { fin: false })],
]) {
  check(`C103 ${what} ends the session`, async (start, t) => {
    const raw = await Raw.start(t);
    const driver = await start().open(raw.url, { transports: ['websocket'] });
    driver.send('connect');
    const ws = await raw.joined('websocket');
    await driver.wait('connected');
    misbehave(ws);
    await driver.wait('disconnected', { reason: 'transport error', reconnects: true });
    await ws.closed;
    await raw.joined('websocket', { sid: 'S2' });
    await driver.wait('connected', { id: 'id-S2' });
  });
}

for (const [what, headers] of [
  ['no key of its own', { 'Sec-WebSocket-Accept': 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=' }],
  ['an extension', { 'Sec-WebSocket-Extensions': 'permessage-other' }],
  ['a subprotocol', { 'Sec-WebSocket-Protocol': 'x' }],
]) {
  check(`C103 a handshake answered with ${what} is refused`, async (start, t) => {
    const raw = await Raw.start(t);
    const driver = await start().open(raw.url, { transports: ['websocket'] });
    driver.send('connect');
    (await raw.upgrade()).accept(headers);
    await driver.wait('connect_error', { kind: 'protocol', reconnects: true });
  });
}

check('C103 pings are answered, fragments joined, and a close is answered', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, { transports: ['websocket'] });
  driver.send('connect');
  const ws = await raw.joined('websocket');
  await driver.wait('connected');
  ws.sendFrame(1, Buffer.from('42["fra'), { fin: false });
  ws.sendFrame(9, Buffer.from('hi'));
  ws.sendFrame(0, Buffer.from('gment"]'));
  await driver.wait('event', { name: 'fragment' });
  assert.equal((await ws.frame(10)).payload.toString(), 'hi');
  ws.answersClose = false;
  ws.close(1000);
  assert.equal((await ws.frame(8)).payload.readUInt16BE(), 1000);
  await driver.wait('disconnected', { reason: 'transport close' });
});
