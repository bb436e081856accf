// Against the contract server of our own.

import assert from 'node:assert/strict';
import { binary, check } from './driver.mjs';

const url = process.env.CONTRACT_URL;
const lanes = {
  polling: { transports: ['polling'] },
  websocket: { transports: ['websocket'] },
  upgrade: {},
};

for (const [lane, opts] of Object.entries(url ? lanes : {})) {
  const join = async (start) => {
    const driver = await start().open(url, opts);
    driver.send('connect', { auth: { token: 'x' } });
    await driver.wait('connected', { nsp: '/' });
    return driver;
  };

  check(`own: auth, events, acknowledgements and binary [${lane}]`, async (start) => {
    const driver = await join(start);
    assert.deepEqual((await driver.wait('event', { name: 'auth' })).args, [{ token: 'x' }]);
    const values = [null, 1.5, 'ü世', { a: [binary([1, 2, 3])] }, binary([])];
    driver.send('emit', { event: 'message', args: values });
    assert.deepEqual((await driver.wait('event', { name: 'message-back' })).args, values);
    driver.send('emit', { event: 'message-with-ack', args: values, ack: 'some' });
    assert.deepEqual((await driver.wait('ack', { tag: 'some' })).args, values);
    driver.send('answer', { event: 'question', args: [binary([7]), 'x'] });
    driver.send('emit', { event: 'request-question', args: [20_000, 'q'] });
    assert.deepEqual((await driver.wait('event', { name: 'question' })).args, ['q']);
    assert.deepEqual((await driver.wait('event', { name: 'answer' })).args, [binary([7]), 'x']);
    driver.send('emit', { event: 'never-ack', ack: 'never', timeout: 100 });
    await driver.wait('ack_error', { tag: 'never', error: 'timeout' });
  });

  check(`own: namespaces, refusals and leaving [${lane}]`, async (start) => {
    const driver = await join(start);
    driver.send('connect', { nsp: '/custom' }).send('connect', { nsp: '/auth' }).send('connect', { nsp: '/unicode-ü世' });
    await driver.wait('connected', { nsp: '/custom' });
    await driver.wait('connected', { nsp: '/unicode-ü世' });
    const refused = await driver.wait('connect_error', { nsp: '/auth' });
    assert.deepEqual([refused.kind, refused.message, refused.data], [
      'refused', 'not authorized', { code: 401, reason: 'bad token' },
    ]);
    driver.send('emit', { event: 'disconnect-me', args: [false] });
    await driver.wait('disconnected', { nsp: '/', reason: 'io server disconnect', reconnects: false });
    assert.equal((await driver.state('/custom')).connected, true);
    driver.send('connect', { nsp: '/' });
    await driver.wait('connected', { nsp: '/' });
  });

  check(`own: a dropped transport is survived [${lane}]`, async (start) => {
    const driver = await join(start);
    driver.send('emit', { event: 'drop-transport' });
    await driver.wait('disconnected', { reconnects: true });
    driver.send('emit', { event: 'message', args: ['meanwhile'] });
    await driver.wait('connected');
    await driver.wait('event', { name: 'message-back', args: ['meanwhile'] });
  });

  check(`own: events stay in order [${lane}]`, async (start) => {
    const driver = await join(start);
    for (let n = 0; n < 1_000; n += 1) driver.send('emit', { event: 'message', args: [n] });
    await driver.wait('event', { name: 'message-back', args: [999] });
    const seen = driver.of('event', { name: 'message-back' }).map(({ args }) => args[0]);
    assert.deepEqual(seen, Array.from({ length: 1_000 }, (_, n) => n));
  });
}

const recovery = process.env.RECOVERY_URL;

for (const [lane, opts] of Object.entries(recovery ? lanes : {})) {
  check(`own: a client whose transport is killed is recovered [${lane}]`, async (start) => {
    const member = await start().open(recovery, { ...opts, reconnectionDelay: 300, reconnectionDelayMax: 300, randomizationFactor: 0 });
    const other = await start().open(recovery, opts);
    for (const driver of [member, other]) driver.send('connect');
    await other.wait('connected');
    const { id, recovered } = await member.wait('connected');
    assert.equal(recovered, false);
    if (lane === 'upgrade') await member.wait('upgrade');
    const room = `room-${lane}-${id}`;
    member.send('emit', { event: 'join', args: [room], ack: 'joined' });
    await member.wait('ack', { tag: 'joined' });
    other.send('emit', { event: 'room-emit', args: [room, 'first'] });
    await member.wait('event', { name: 'room-msg' });
    member.send('emit', { event: 'drop-transport' });
    await member.wait('disconnected', { reconnects: true });
    other.send('emit', { event: 'room-emit', args: [room, 'missed'] });
    const again = await member.wait('connected');
    assert.deepEqual([again.id, again.recovered], [id, true]);
    const missed = await member.wait('event', { name: 'room-msg' });
    assert.equal(missed.args[0], 'missed');
  });
}
