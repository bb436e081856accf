// The simple client.

import assert from 'node:assert/strict';
import { binary, check } from './driver.mjs';
import { Raw } from './raw.mjs';

const websocket = { transports: ['websocket'], reconnectionDelay: 10, reconnectionDelayMax: 10 };

/** What the server sees, unless the driver has no simple client. */
function unless(told, seen) {
  return Promise.race([seen, told.then(() => seen)]);
}

check('C109 the simple client connects, emits, calls, receives and leaves', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = start();
  driver.send('simple.connect', { url: `${raw.url}/a`, opts: websocket, auth: { x: 1 } });
  const connected = driver.wait('simple_connected');
  const session = await unless(connected, raw.joined('websocket', {}, '/a'));
  assert.equal(session.connect, '40/a,{"x":1}');
  assert.equal((await connected).transport, 'websocket');
  driver.send('simple.emit', { event: 'e', args: [1] });
  await driver.wait('simple_ok', { op: 'simple.emit' });
  assert.equal(await session.packet(), '42/a,["e",1]');
  session.send('42/a,["first",1]', '451-/a,["second",{"_placeholder":true,"num":0}]');
  session.sendBinary([7]);
  driver.send('simple.receive').send('simple.receive', { timeout: 60_000 });
  assert.deepEqual((await driver.wait('received', { name: 'first' })).args, [1]);
  assert.deepEqual((await driver.wait('received', { name: 'second' })).args, [binary([7])]);
  driver.send('simple.receive', { timeout: 50 });
  await driver.wait('simple_error', { op: 'simple.receive', error: 'timeout' });
  driver.send('simple.call', { event: 'q', args: ['x'] });
  const [, id] = /^42\/a,(\d+)\["q","x"\]$/.exec(await session.packet());
  session.send(`43/a,${id}["yes",2]`);
  assert.deepEqual((await driver.wait('simple_reply')).args, ['yes', 2]);
  driver.send('simple.call', { event: 'q', timeout: 50 });
  await driver.wait('simple_error', { op: 'simple.call', error: 'timeout' });
  driver.send('simple.disconnect');
  await driver.wait('simple_ok', { op: 'simple.disconnect' });
  driver.send('simple.receive');
  await driver.wait('simple_error', { op: 'simple.receive', error: 'disconnected' });
});

check('C109 the simple client waits through a loss', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = start();
  driver.send('simple.connect', { url: raw.url, opts: websocket });
  const connected = driver.wait('simple_connected');
  const session = await unless(connected, raw.joined('websocket'));
  await connected;
  driver.send('simple.receive');
  session.socket.destroy();
  const again = await raw.joined('websocket', { sid: 'S2' });
  again.send('42["after"]');
  await driver.wait('received', { name: 'after' });
});

check('C109 the simple client tells why it is not let in', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = start();
  driver.send('simple.connect', { url: raw.url, opts: websocket });
  const failed = driver.wait('simple_error', { op: 'simple.connect' });
  const session = await unless(failed, raw.session('websocket'));
  await session.packet();
  session.send('44{"message":"no","data":7}');
  const refused = await failed;
  assert.deepEqual([refused.error, refused.message, refused.data], ['refused', 'no', 7]);
});

check('C8 C109 the simple client calls its auth function for each CONNECT', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = start();
  const auth = { $fn: [{ n: 1 }, { n: 2 }], delay: 10 };
  driver.send('simple.connect', { url: raw.url, opts: websocket, auth });
  const connected = driver.wait('simple_connected');
  const session = await unless(connected, raw.joined('websocket'));
  assert.equal(session.connect, '40{"n":1}');
  await connected;
  session.socket.destroy();
  const again = await raw.joined('websocket', { sid: 'S2' });
  assert.equal(again.connect, '40{"n":2}');
});
