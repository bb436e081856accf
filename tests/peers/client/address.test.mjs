// Addresses, requests, header fields and cookies, as a server sees them.

import assert from 'node:assert/strict';
import { binary, check, until } from './driver.mjs';
import { Raw, handshake } from './raw.mjs';

check('C1 a login of the URL becomes Basic authorization, and schemes of WebSockets mean HTTP', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(`ws://user:p%40ss@127.0.0.1:${raw.port}`);
  driver.send('connect');
  const get = await raw.get();
  assert.equal(get.headers.authorization, `Basic ${btoa('user:p@ss')}`);
  assert.equal(get.headers.host, `127.0.0.1:${raw.port}`);
});

check('C1 a URL without a scheme is refused', async (start) => {
  const driver = start();
  await driver.wait('ready');
  driver.send('open', { url: 'localhost:1', opts: {} });
  await driver.wait('error', { op: 'open', error: 'failed' });
});

check('C1 C7 IPv6 addresses stand in brackets', async (start, t) => {
  const raw = await Raw.start(t, '::1');
  const driver = await start().open(raw.url);
  driver.send('connect');
  assert.equal((await raw.get()).headers.host, `[::1]:${raw.port}`);
});

check('C2 the path of the URL is the namespace', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(`${raw.url}/admin`);
  driver.send('connect');
  const session = await raw.joined('polling', {}, '/admin');
  assert.equal(session.connect, '40/admin,');
  assert.equal(raw.requests[0].path, '/socket.io/');
  await driver.wait('connected', { nsp: '/admin' });
});

for (const [opts, path] of [
  [{}, '/socket.io/'],
  [{ path: '/other' }, '/other/'],
  [{ path: '/a/b/' }, '/a/b/'],
  [{ path: '/other', addTrailingSlash: false }, '/other'],
]) {
  check(`C3 the path of requests is ${path}`, async (start, t) => {
    const raw = await Raw.start(t);
    const driver = await start().open(raw.url, opts);
    driver.send('connect');
    assert.equal((await raw.get()).path, path);
  });
}

check('C4 G3 queries are joined and encoded, and cannot take the names of the protocol', async (start, t) => {
  const raw = await Raw.start(t);
  const query = { 'a b': 'c&d=e/é', both: 'option', EIO: '3', transport: 'x', sid: 'y' };
  const driver = await start().open(`${raw.url}/?url=1%3D2=3&both=url`, { query });
  driver.send('connect');
  const get = await raw.get();
  assert.deepEqual(get.query, { ...get.query, 'a b': 'c&d=e/é', both: 'option', url: '1=2=3', EIO: '4', transport: 'polling' });
  for (const name of ['EIO', 'transport', 'both']) assert.equal(get.keys.filter((key) => key === name).length, 1, name);
  assert.equal(get.query.sid, undefined);
  assert.ok(get.keys.indexOf('a b') < get.keys.indexOf('EIO'), 'those of the user come first');
  assert.ok(get.keys.indexOf('EIO') < get.keys.indexOf('transport'));
});

check('C5 C6 C7 every request has the revision, the session, a new t and the header fields', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, { headers: { 'X-App': 'a' } });
  driver.send('connect');
  const session = await raw.joined('polling', { upgrades: ['websocket'] });
  await driver.wait('connected');
  const upgrade = await raw.upgrade();
  assert.equal(upgrade.query.sid, 'S1');
  assert.equal(upgrade.query.transport, 'websocket');
  assert.equal(upgrade.query.t, undefined);
  session.send('2');
  await session.packet((packet) => packet === '3');
  const stamps = new Set();
  for (const request of raw.requests) {
    assert.equal(request.query.EIO, '4');
    assert.equal(request.query.sid, request === raw.requests[0] ? undefined : 'S1');
    assert.equal(request.headers['x-app'], 'a');
    assert.match(request.headers['user-agent'], /^sansocket\//);
    assert.equal(request.headers.origin, undefined);
    if (!request.isUpgrade) stamps.add(request.query.t);
  }
  assert.equal(stamps.size, raw.requests.length - 1);
  assert.ok(!stamps.has(undefined));
});

check('C6 timestamps are left out, or put on all requests', async (start, t) => {
  const raw = await Raw.start(t);
  const without = await start().open(raw.url, { timestampRequests: false });
  without.send('connect');
  assert.equal((await raw.get()).query.t, undefined);
  const all = await start().open(raw.url, { timestampRequests: true, transports: ['websocket'] });
  all.send('connect');
  assert.ok((await raw.upgrade()).query.t);
});

check('C7 a user agent of the user replaces the own one', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, { headers: { 'User-Agent': 'mine', Origin: 'http://o' } });
  driver.send('connect');
  const get = await raw.get();
  assert.equal(get.headers['user-agent'], 'mine');
  assert.equal(get.names.filter((name) => name.toLowerCase() === 'user-agent').length, 1);
  assert.equal(get.headers.origin, 'http://o');
});

check('C8 C45 an auth function is called before each CONNECT, which waits for it', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, { transports: ['websocket'] });
  driver.send('connect', { auth: { $fn: [{ n: 1 }, { n: 2 }], delay: 50 } });
  for (const n of [1, 2, 2]) {
    const session = await raw.joined('websocket');
    assert.equal(session.connect, `40{"n":${n}}`);
    await driver.wait('connected');
    session.socket.destroy();
  }
  assert.deepEqual(driver.of('auth_called').slice(0, 3).map(({ n }) => n), [1, 2, 3]);
});

check('C9 auth, query and header fields that are changed count from the next attempt', async (start, t) => {
  const raw = await Raw.start(t);
  const opts = { transports: ['websocket'], query: { v: '1' }, headers: { 'x-v': '1' } };
  const driver = await start().open(raw.url, opts);
  driver.send('connect', { auth: { v: 1 } });
  const session = await raw.joined('websocket');
  await driver.wait('connected');
  driver.send('set', { opts: { auth: { v: 2 }, query: { v: '2' }, headers: { 'x-v': '2' } } });
  await driver.sync();
  session.socket.destroy();
  const again = await raw.joined('websocket');
  assert.equal(again.connect, '40{"v":2}');
  assert.equal(again.request.query.v, '2');
  assert.equal(again.request.headers['x-v'], '2');
});

check('C10 CONNECT has the auth object, or nothing', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url);
  driver.send('connect').send('connect', { nsp: '/a', auth: { token: 'x', n: [1] } });
  const session = await raw.session();
  assert.equal(await session.packet(), '40');
  assert.equal(await session.packet(), '40/a,{"token":"x","n":[1]}');
});

check('C10 an auth payload that is no object is refused', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url);
  driver.send('connect', { auth: 'text' });
  await driver.wait('error', { op: 'connect', error: 'failed' });
});

for (const status of [301, 302, 303, 307, 308]) {
  check(`C94 the handshake follows a redirect of status ${status}`, async (start, t) => {
    const [first, second] = [await Raw.start(t), await Raw.start(t)];
    const driver = await start().open(first.url, { transports: ['polling'] });
    driver.send('connect');
    (await first.get()).answer(status, { Location: `${second.url}/moved/?EIO=4&transport=polling` });
    const get = await second.get();
    assert.equal(get.path, '/moved/');
    get.reply(handshake());
    const post = await second.post();
    assert.equal(post.body, '40');
    assert.equal(post.query.sid, 'S1');
  });
}

check('C94 redirects end after the fifth, and credentials stay with their host', async (start, t) => {
  const raw = await Raw.start(t);
  const elsewhere = `http://localhost:${raw.port}`;
  const driver = await start().open(raw.url, { headers: { Authorization: 'Basic x' }, reconnection: false, transports: ['polling'] });
  driver.send('connect');
  let followed = 0;
  const end = driver.wait('connect_error');
  for (;;) {
    const get = await Promise.race([raw.get(), end.then(() => undefined)]);
    if (!get) break;
    if (followed > 0) assert.equal(get.headers.authorization, undefined);
    followed += 1;
    get.answer(302, { Location: `${elsewhere}/${followed}/` });
  }
  assert.equal(followed, 6);
  assert.equal((await end).kind, 'transport');
});

check('C95 G4 cookies are kept, deleted and sent along when they are asked for', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, { withCredentials: true, headers: { Cookie: 'own=1' } });
  driver.send('connect');
  const set = ['a=1; Path=/', 'b=2; Max-Age=60', 'c=3; Max-Age=0', 'd=4; Expires=Thu, 01 Jan 1970 00:00:00 GMT', 'e=5; Secure'];
  (await raw.get()).answer(200, { 'Set-Cookie': set }, handshake({ upgrades: ['websocket'] }));
  for (const request of [await raw.post(), await raw.get(), await raw.upgrade()]) {
    const cookies = request.headers.cookie.split('; ').sort();
    assert.deepEqual(cookies, ['a=1', 'b=2', 'own=1'], request.method);
  }
});

check('C95 cookies are left alone by default', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url);
  driver.send('connect');
  (await raw.get()).answer(200, { 'Set-Cookie': 'a=1' }, handshake());
  assert.equal((await raw.post()).headers.cookie, undefined);
});

check('G2 a very long URL takes no time', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(`${raw.url}/?${'a'.repeat(5_000)}=${'@'.repeat(2_000)}`);
  driver.send('connect');
  assert.equal((await raw.get()).query['a'.repeat(5_000)].length, 2_000);
});

check('the command line: lines are answered in order, and the end of the input ends the driver', async (start, t) => {
  const raw = await Raw.start(t);
  const driver = await start().open(raw.url, { transports: ['websocket'] });
  driver.send('connect');
  const session = await raw.joined('websocket');
  await driver.wait('connected');
  driver.send('emit', { event: 'last', args: [binary([1, 2, 3])] });
  await driver.exit();
  await until(() => session.packets.length >= 3, 'the last event');
  assert.deepEqual(session.packets, ['451-["last",{"_placeholder":true,"num":0}]', Buffer.from([1, 2, 3]), '41']);
});
