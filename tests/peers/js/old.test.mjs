// Clients of Socket.IO 2 and 1, as they are on npm, and polling by JSONP.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import vm from 'node:vm';
import io1 from 'socket.io-client-1';
import io2 from 'socket.io-client-2';
import { eventually, pattern, url, withPeer, within, word } from './support.mjs';
import { exchange } from './wire.mjs';

const ways = [
  ['polling', { transports: ['polling'] }],
  ['polling with base64', { transports: ['polling'], forceBase64: true }],
  ['websocket', { transports: ['websocket'] }],
  ['upgrading', {}],
];

/** Declares one test for each old client and way; `body` gets a function that opens clients. */
function onEveryWay(claim, body) {
  for (const [version, io] of [['2', io2], ['1', io1]]) {
    for (const [way, options] of ways) {
      test(`${claim} [socket.io-client ${version}, ${way}]`, { timeout: 120_000 }, async (t) => {
        const open = [];
        t.after(() => open.forEach((socket) => socket.io.close()));
        await body(async (nsp = '/', more = {}) => {
          const socket = io(url + nsp, { forceNew: true, reconnection: false, ...options, ...more });
          open.push(socket);
          await happened(socket, 'connect');
          return socket;
        }, { version, way });
      });
    }
  }
}

/** Resolves with the arguments of the next event of that name. */
function happened(socket, name) {
  return within(new Promise((resolve) => socket.once(name, (...args) => resolve(args))), () => name);
}

/** Emits with an ack id; resolves with the list of acknowledged arguments. */
function ask(socket, name, ...args) {
  const reply = new Promise((resolve) => socket.emit(name, ...args, (...reply) => resolve(reply)));
  return within(reply, () => `an ack of ${name}`);
}

onEveryWay('events, acknowledgements and binary travel both ways', async (connect, { version, way }) => {
  const socket = await connect();
  // Over polling, clients of Socket.IO 1 encode what is not ASCII twice.
  const text = version === '1' && way !== 'websocket' ? 'hello' : 'h\u00e9llo \u4e16\u754c \u{1f600}';
  const values = [text, 1, { a: [null, true] }, pattern(3), { deep: [Buffer.alloc(0)] }];
  assert.deepEqual(await ask(socket, 'message-with-ack', ...values), values);
  const back = happened(socket, 'message-back');
  socket.emit('message', ...values);
  assert.deepEqual(await back, values);
  const answer = happened(socket, 'answer');
  socket.on('question', (value, reply) => reply(value, pattern(2)));
  socket.emit('request-question', 60_000, 'why');
  assert.deepEqual(await answer, ['why', pattern(2)]);
  const [large] = await ask(socket, 'get-bytes', 200_000);
  assert.ok(pattern(200_000).equals(large));
});

onEveryWay('ids are what the client takes them for, and messages reach them', async (connect, { version }) => {
  const socket = await connect();
  const [{ sid, eio, nsp }] = await ask(socket, 'whoami');
  assert.deepEqual([sid, eio, nsp], [socket.io.engine.id, 3, '/']);
  assert.equal(socket.id, sid);
  const custom = await connect('/custom');
  const [{ sid: shown }] = await ask(custom, 'whoami');
  assert.equal(shown, `/custom#${custom.io.engine.id}`);
  if (version === '2') assert.equal(custom.id, shown);
  const direct = happened(custom, 'direct-msg');
  custom.emit('to-sid', shown, 'hi');
  assert.deepEqual(await direct, ['hi']);
});

onEveryWay('bursts arrive whole and in order, whatever the transport does', async (connect) => {
  const socket = await connect();
  const seen = [];
  socket.on('seq-mixed', (n) => seen.push(n));
  socket.emit('burst-mixed', 200);
  await eventually('the burst is in', () => seen.length === 200);
  assert.deepEqual(seen, Array.from({ length: 200 }, (_, n) => n));
});

onEveryWay('an idle client stays connected by its own pings', async (connect) => {
  const socket = await connect();
  // Longer than the interval; a client that is not answered gives up after as long again as the timeout.
  await new Promise((resolve) => setTimeout(resolve, 3000));
  assert.deepEqual(await ask(socket, 'length', 'abc'), [3]);
});

onEveryWay('a refusal is an error with the data, and a query is the auth payload', async (connect) => {
  const socket = await connect();
  const refused = socket.io.socket('/auth');
  const error = happened(refused, 'error');
  refused.connect();
  assert.deepEqual(await error, [{ code: 401, reason: 'bad token' }]);
});

test('the query of a namespace is the auth payload [socket.io-client 2]', { timeout: 120_000 }, async (t) => {
  const socket = io2(`${url}/auth?token=secret&n=%C3%BC`, { forceNew: true, reconnection: false });
  t.after(() => socket.close());
  assert.deepEqual(await happened(socket, 'auth'), [{ token: 'secret', n: '\u00fc' }]);
});

withPeer('old clients and new ones share rooms', 'websocket', async (peer) => {
  const fresh = await peer.connect();
  const room = word('room');
  await fresh.ask('join', room);
  const old = await Promise.all(
    [io1, io2].map(async (io) => {
      const socket = io(url, { forceNew: true, reconnection: false, transports: ['polling'] });
      await happened(socket, 'connect');
      await ask(socket, 'join', room);
      return socket;
    }),
  );
  try {
    const heard = old.map((socket) => happened(socket, 'room-msg'));
    fresh.emit('room-emit', room, 'text', pattern(5));
    for (const args of await Promise.all(heard)) assert.deepEqual(args, ['text', pattern(5)]);
    old[0].emit('room-broadcast', room, pattern(2));
    assert.deepEqual(await fresh.heard('room-msg', (first) => Buffer.isBuffer(first)), [pattern(2)]);
  } finally {
    for (const socket of old) socket.close();
  }
});

/** A session that polls by JSONP as a page does; its answers are run as scripts. */
class Page {
  static async open(eio) {
    const page = new Page();
    page.path = `/socket.io/?EIO=${eio}&transport=polling&j=3`;
    const open = await page.poll();
    page.path += `&sid=${JSON.parse(open.slice(open.indexOf('{'))).sid}`;
    return page;
  }

  async poll() {
    const { status, type, text } = await exchange('GET', this.path);
    assert.deepEqual([status, type.toLowerCase()], [200, 'text/javascript; charset=utf-8']);
    const called = [];
    vm.runInNewContext(text, { ___eio: { 3: (payload) => called.push(payload) } });
    assert.equal(called.length, 1);
    return called[0];
  }

  async post(payload) {
    const escaped = payload.replace(/\\n/g, '\\\n').replace(/\n/g, '\\n');
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = new URLSearchParams({ d: escaped }).toString();
    const { status, text } = await exchange('POST', this.path, { body, headers });
    assert.deepEqual([status, text], [200, 'ok']);
  }
}

for (const eio of [3, 4]) {
  test(`pages poll by JSONP [EIO=${eio}]`, { timeout: 120_000 }, async () => {
    const page = await Page.open(eio);
    const framed = (packet) => (eio === 3 ? `${packet.length}:${packet}` : packet);
    if (eio === 4) await page.post('40');
    const value = '\u2028\u2029"\\n\n</script>\u{1f600}\u0000';
    await page.post(framed(`420${JSON.stringify(['message-with-ack', value])}`));
    const reply = `430${JSON.stringify([value])}`;
    let heard = '';
    while (!heard.includes(framed(reply))) heard += await page.poll();
    await page.post(framed('1'));
  });
}
