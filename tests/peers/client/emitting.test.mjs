// Events, acknowledgements and packets, in both directions.

import assert from 'node:assert/strict';
import { binary, check, pause, until } from './driver.mjs';
import { Raw, SEPARATOR } from './raw.mjs';

const websocket = { transports: ['websocket'] };

/** A driver that has joined, and the server's end of it. */
async function joined(start, t, { transport = 'websocket', fields = {}, opts = {} } = {}) {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, { transports: [transport], ...opts });
  driver.send('connect');
  const session = await raw.joined(transport, fields);
  await driver.wait('connected');
  return { raw, driver, session };
}

check('C60 C62 events wait in order until the namespace is joined', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, websocket);
  for (let n = 0; n < 10; n += 1) driver.send('emit', { event: 'e', args: [n] });
  assert.equal((await driver.state()).buffered, 10);
  driver.send('connect');
  const session = await raw.joined('websocket');
  for (let n = 0; n < 10; n += 1) assert.equal(await session.packet(), `42["e",${n}]`);
  assert.equal((await driver.state()).buffered, 0);
  session.socket.destroy();
  await driver.wait('disconnected');
  for (let n = 0; n < 10; n += 1) driver.send('emit', { event: 'f', args: [n] });
  const again = await raw.joined('websocket', { sid: 'S2' });
  for (let n = 0; n < 10; n += 1) assert.equal(await again.packet(), `42["f",${n}]`);
});

check('C60 what waits is bounded', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, websocket);
  for (let n = 0; n < 1_200; n += 1) driver.send('emit', { event: 'e', args: [n] });
  await driver.wait('error', { op: 'emit', error: 'full' });
  const { buffered } = await driver.state();
  assert.ok(buffered > 0 && buffered < 1_200, `${buffered}`);
});

check('C61 packets of which nothing was written are sent in the next session', async (start, t) => {
  const { raw, driver, session } = await joined(start, t, { transport: 'polling' });
  session.answers = false;
  driver.send('emit', { event: 'doubtful' });
  await until(() => session.posts.length === 2, 'the first POST');
  driver.send('emit', { event: 'kept' }).send('emit', { event: 'lost', volatile: true });
  await driver.sync();
  session.over = true;
  session.posts[1].socket.destroy();
  await driver.wait('disconnected');
  const again = await raw.joined('polling', { sid: 'S2' });
  assert.equal(await again.packet(), '42["kept"]');
});

check('C64 volatile events are dropped while the namespace is not joined', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, websocket);
  driver.send('emit', { event: 'dropped', volatile: true }).send('connect');
  const session = await raw.joined('websocket');
  await driver.wait('connected');
  driver.send('emit', { event: 'taken', volatile: true });
  assert.equal(await session.packet(), '42["taken"]');
});

check('C65 reserved names are refused', async (start) => {
  const driver = await start().open('http://127.0.0.1:9');
  const names = ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'];
  for (const event of names) driver.send('emit', { event });
  await driver.sync();
  assert.equal(driver.of('error', { op: 'emit', error: 'reserved' }).length, names.length);
});

check('C66 catch-alls and handlers: on, once, off, outgoing', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, websocket);
  driver.send('on', { event: 'e' }).send('on', { event: 'o', once: true }).send('on_any_outgoing');
  driver.send('emit', { event: 'waits', args: [1] });
  await driver.sync();
  assert.deepEqual(driver.of('outgoing'), [], 'it is not handed to the transport');
  driver.send('connect');
  const session = await raw.joined('websocket');
  await driver.wait('outgoing', { name: 'waits', args: [1] });
  session.send('42["e",1]', '42["o",2]', '42["o",3]', '42["e",4]');
  await driver.wait('handled', { args: [4] });
  const told = driver.events.filter(({ ev }) => ['event', 'handled'].includes(ev));
  assert.deepEqual(told.map(({ ev, args }) => [ev, ...args]), [
    ['event', 1], ['handled', 1], ['event', 2], ['handled', 2], ['event', 3], ['event', 4], ['handled', 4],
  ]);
  driver.send('off', { event: 'e' });
  await driver.sync();
  session.send('42["e",5]', '42["last"]');
  await driver.wait('event', { name: 'last' });
  assert.deepEqual(driver.of('handled', { args: [5] }), []);
});

check('C67 handlers of a namespace run in the order of the events', async (start, t) => {
  const { driver, session } = await joined(start, t);
  driver.send('on', { event: 'a' }).send('on', { event: 'b' });
  await driver.sync();
  session.send('42["a",1]', '42["b",2]', '42["c",3]', '42["a",4]');
  await driver.wait('handled', { args: [4] });
  const told = driver.events.filter(({ ev }) => ev === 'event' || ev === 'handled').map(({ ev, args }) => `${ev} ${args}`);
  assert.deepEqual(told, ['event 1', 'handled 1', 'event 2', 'handled 2', 'event 3', 'event 4', 'handled 4']);
});

check('C68 what waits for a server that does not read is bounded, and goes on when it reads again', async (start, t) => {
  const { driver, session } = await joined(start, t);
  session.socket.pause();
  const text = 'x'.repeat(100_000);
  let sent = 0;
  while (driver.of('error', { op: 'emit', error: 'full' }).length === 0 && sent < 1_000) {
    for (const end = sent + 20; sent < end; sent += 1) driver.send('emit', { event: 'e', args: [sent, text] });
    await driver.sync();
  }
  const taken = sent - driver.of('error', { op: 'emit', error: 'full' }).length;
  assert.ok(taken < sent, `${sent} events were taken`);
  session.socket.resume();
  const numbers = [];
  while (numbers.length < taken) numbers.push(JSON.parse((await session.packet()).slice(2))[1]);
  assert.ok(numbers.every((n, at) => at === 0 || n > numbers[at - 1]), 'the order is kept');
  driver.send('emit', { event: 'again' });
  assert.equal(await session.packet(), '42["again"]');
});

check('C70 acknowledgements are counted from 0; unknown and second ones are ignored', async (start, t) => {
  const { driver, session } = await joined(start, t);
  driver.send('emit', { event: 'a', ack: 'a' }).send('emit', { event: 'b', args: [1], ack: 'b' });
  assert.equal(await session.packet(), '420["a"]');
  assert.equal(await session.packet(), '421["b",1]');
  session.send('4399["unknown"]', '431["B",{"x":1}]', '431["again"]', '430[]');
  assert.deepEqual((await driver.wait('ack', { tag: 'a' })).args, []);
  assert.deepEqual((await driver.wait('ack', { tag: 'b' })).args, ['B', { x: 1 }]);
  await driver.sync();
  assert.equal(driver.of('ack').length, 2);
});

check('C71 a question without an answer times out, and a late answer is ignored', async (start, t) => {
  const { driver, session } = await joined(start, t);
  driver.send('emit', { event: 'q', ack: 1, timeout: 100 });
  await session.packet();
  await driver.wait('ack_error', { tag: 1, error: 'timeout' });
  session.send('430["late"]', '42["after"]');
  await driver.wait('event', { name: 'after' });
  assert.deepEqual(driver.of('ack'), []);
});

check('C72 a question that times out while it waits is not sent', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, websocket);
  driver.send('emit', { event: 'q', ack: 1, timeout: 50 });
  await driver.wait('ack_error', { tag: 1, error: 'timeout' });
  driver.send('emit', { event: 'e' }).send('connect');
  const session = await raw.joined('websocket');
  assert.equal(await session.packet(), '42["e"]');
});

check('C73 questions end with the connection, but those that wait', async (start, t) => {
  const { raw, driver, session } = await joined(start, t);
  driver.send('emit', { event: 'sent', ack: 'sent' });
  await session.packet();
  session.socket.destroy();
  await driver.wait('ack_error', { tag: 'sent', error: 'disconnected' });
  driver.send('emit', { event: 'waits', ack: 'waits' });
  const again = await raw.joined('websocket', { sid: 'S2' });
  const [, id] = /^42(\d+)\["waits"\]$/.exec(await again.packet());
  again.send(`43${id}["yes"]`);
  await driver.wait('ack', { tag: 'waits', args: ['yes'] });
  assert.equal(driver.of('ack').length + driver.of('ack_error').length, 2);
});

check('C74 events of the server are acknowledged: with none, several and binary arguments, and later', async (start, t) => {
  const { driver, session } = await joined(start, t);
  driver.send('answer', { event: 'none', args: [] }).send('answer', { event: 'some', args: [1, { a: null }] });
  driver.send('answer', { event: 'binary', args: [binary([1, 2]), binary([3])] });
  driver.send('answer', { event: 'later', args: ['later'], delay: 100 });
  driver.send('answer', { event: 'once', args: ['once'], times: 1 });
  await driver.sync();
  session.send('4210["later"]', '4211["none"]', '4212["some"]', '4213["binary"]', '4214["never"]', '4215["once"]', '4216["once"]');
  const packets = [];
  for (let n = 0; n < 7; n += 1) packets.push(await session.packet());
  assert.deepEqual(packets, [
    '4311[]',
    '4312[1,{"a":null}]',
    '462-13[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
    Buffer.from([1, 2]),
    Buffer.from([3]),
    '4315["once"]',
    '4310["later"]',
  ]);
});

check('C74 an answer after the session has ended is not sent in the next one', async (start, t) => {
  const { raw, driver, session } = await joined(start, t);
  driver.send('answer', { event: 'q', args: ['late'], delay: 300 });
  await driver.sync();
  session.send('421["q"]');
  await driver.wait('event', { name: 'q' });
  session.socket.destroy();
  const again = await raw.joined('websocket', { sid: 'S2' });
  await driver.wait('connected', { id: 'id-S2' });
  await pause(500);
  driver.send('emit', { event: 'next' });
  assert.equal(await again.packet(), '42["next"]');
});

check('C75 events are sent again until they are acknowledged, one at a time', async (start, t) => {
  const { driver, session } = await joined(start, t, { opts: { retries: 2, ackTimeout: 300 } });
  driver.send('emit', { event: 'a', ack: 'a' }).send('emit', { event: 'b', ack: 'b' });
  for (let n = 0; n < 3; n += 1) assert.match(await session.packet(), /^42\d+\["a"\]$/);
  await driver.wait('ack_error', { tag: 'a', error: 'timeout' });
  const [, id] = /^42(\d+)\["b"\]$/.exec(await session.packet());
  session.send(`43${id}["B"]`);
  await driver.wait('ack', { tag: 'b', args: ['B'] });
});

for (const transport of ['polling', 'websocket']) {
  check(`C84 binary travels both ways on ${transport}`, async (start, t) => {
    const { driver, session } = await joined(start, t, { transport });
    driver.send('emit', { event: 'b', args: [1, { deep: [binary([255, 0])] }, binary([])] });
    assert.equal(
      await session.packet(),
      '452-["b",1,{"deep":[{"_placeholder":true,"num":0}]},{"_placeholder":true,"num":1}]',
    );
    const bytes = [await session.packet(), await session.packet()];
    assert.deepEqual(bytes, transport === 'polling' ? ['b/wA=', 'b'] : [Buffer.from([255, 0]), Buffer.alloc(0)]);
    session.send('452-["c",{"_placeholder":true,"num":1},[{"_placeholder":true,"num":0}]]');
    session.sendBinary([7]);
    session.sendBinary([8, 9]);
    const event = await driver.wait('event', { name: 'c' });
    assert.deepEqual(event.args, [binary([8, 9]), [binary([7])]]);
  });
}

check('C85 POSTs are split to what the server takes, and an event that is larger is refused', async (start, t) => {
  const { driver, session } = await joined(start, t, { transport: 'polling', fields: { maxPayload: 100 } });
  session.answers = false;
  driver.send('emit', { event: 'first' });
  await until(() => session.posts.length === 2, 'the first POST');
  for (let n = 0; n < 10; n += 1) driver.send('emit', { event: 'é', args: ['x'.repeat(20)] });
  driver.send('emit', { event: 'large', args: ['x'.repeat(100)] });
  await driver.wait('error', { op: 'emit', error: 'too large' });
  session.answers = true;
  session.posts[1].reply('ok');
  for (let n = 0; n < 10; n += 1) await session.packet((packet) => packet.includes('é'));
  for (const post of session.posts) assert.ok(Buffer.byteLength(post.body) <= 100);
  assert.ok(session.posts.length < 12, 'small ones go together');
  assert.ok(session.posts.some((post) => post.body.includes(SEPARATOR)));
  driver.send('emit', { event: 'on' });
  await session.packet((packet) => packet === '42["on"]');
});

check('C85 an event that is too large is refused on a WebSocket', async (start, t) => {
  const { driver, session } = await joined(start, t, { fields: { maxPayload: 100 } });
  driver.send('emit', { event: 'large', args: ['x'.repeat(100)] });
  await driver.wait('error', { op: 'emit', error: 'too large' });
  driver.send('emit', { event: 'on' });
  assert.equal(await session.packet(), '42["on"]');
});

check('C86 a message of the server that is too large ends the session, before it is read', async (start, t) => {
  const { driver, session } = await joined(start, t);
  const head = Buffer.alloc(10);
  head[0] = 0x81;
  head[1] = 127;
  head.writeBigUInt64BE(1n << 40n, 2);
  session.socket.write(head);
  await driver.wait('disconnected', { reconnects: true });
});

for (const packets of [
  ['49'], ['4'], ['42'], ['42{}'], ['42[]'], ['42["x"'], ['42["x"]]'], ['42nsp,["x"]'], ['421e9["x"]'],
  ['43'], ['431'], ['431{}'], ['40[]'], ['45["x"]'], ['45-["x"]'], ['451["x"]'],
  ['45999999999999-["x"]'], ['4511-["x"]'], ['4599999999999999999999-["x"]'],
  ['451-["x",{"_placeholder":true,"num":1}]', Buffer.from([1])],
  ['451-["x",{"_placeholder":true,"num":0}]', '42["y"]'],
  [Buffer.from([1])], ['9'], ['hello'], ['3probe'], ['4\u0000'],
  [`42["x",${'['.repeat(100_000)}`],
]) {
  const shown = packets.map((packet) => (typeof packet === 'string' ? packet.slice(0, 45) : '<bytes>')).join(' ');
  check(`C87 C89 attacks A6 A9 A16 what is no packet ends the session: ${JSON.stringify(shown)}`, async (start, t) => {
    const { raw, driver, session } = await joined(start, t);
    for (const packet of packets) {
      if (typeof packet === 'string') session.send(packet);
      else session.sendBinary(packet);
    }
    session.send('42["unheard"]');
    const lost = await driver.wait('disconnected');
    assert.equal(lost.reconnects, true);
    assert.deepEqual(driver.of('event'), []);
    const again = await raw.joined('websocket', { sid: 'S2' });
    again.send('42["heard"]');
    await driver.wait('event', { name: 'heard' });
  });
}

check('C89 noop and unknown ids are ignored', async (start, t) => {
  const { driver, session } = await joined(start, t);
  session.send('6', '4312345["x"]', '42["on"]');
  await driver.wait('event', { name: 'on' });
  assert.deepEqual(driver.of('disconnected'), []);
});

check('values of JSON arrive as they are', async (start, t) => {
  const { driver, session } = await joined(start, t);
  const values = [null, true, -1.5, 9007199254740991, '', 'ü世\u{1f600}\u2028"\\', [], {}, [[1]], { a: { b: [null] } }];
  driver.send('emit', { event: 'ünïcode', args: values });
  assert.deepEqual(JSON.parse((await session.packet()).slice(2)), ['ünïcode', ...values]);
  session.send(`42${JSON.stringify(['ünïcode', ...values])}`);
  assert.deepEqual((await driver.wait('event')).args, values);
});

check('twenty thousand events arrive in order', async (start, t) => {
  const { driver, session } = await joined(start, t);
  const many = 20_000;
  for (let n = 0; n < many; n += 1) session.send(`42["n",${n}]`);
  await driver.wait('event', { args: [many - 1] });
  const seen = driver.of('event').map(({ args }) => args[0]);
  assert.ok(seen.length === many && seen.every((n, at) => n === at));
});
