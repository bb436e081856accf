// Clients that break the rules hurt only themselves.

import assert from 'node:assert/strict';
import { onLanes, withPeer } from './support.mjs';
import { PollingWire, SocketWire } from './wire.mjs';

const bytes = Buffer.from([1, 2, 3]);

/** Frames that are no Socket.IO packet; a Buffer travels as a binary message. */
const broken = {
  'an unknown packet type': ['49["message"]'],
  'a packet type that is no digit': ['4x'],
  'a payload that is not JSON': ['42[nope'],
  'a payload followed by garbage': ['42["message"]x'],
  'an event that is an object': ['42{"message":1}'],
  'an event that is a string': ['42"message"'],
  'an event without a name': ['42[]'],
  'an event named by an object': ['42[{}]'],
  'an event named by null': ['42[null]'],
  'an event named connect': ['42["connect"]'],
  'an event named connect_error': ['42["connect_error"]'],
  'an event named disconnect': ['42["disconnect"]'],
  'an event named disconnecting': ['42["disconnecting"]'],
  'binary nobody announced': [bytes],
  'text while an attachment is outstanding': ['451-["message",{"_placeholder":true,"num":0}]', '42["message"]'],
  'a placeholder out of range': ['451-["message",{"_placeholder":true,"num":1}]', bytes],
  'a negative placeholder': ['451-["message",{"_placeholder":true,"num":-1}]', bytes],
};

for (const [what, frames] of Object.entries(broken)) {
  withPeer(`${what} closes its WebSocket and nothing else`, 'websocket', async (peer) => {
    const bystander = await peer.connect();
    const wire = await SocketWire.open();
    await wire.join();
    wire.send(...frames);
    await wire.closed();
    assert.deepEqual(await bystander.ask('message-with-ack', 'alive'), ['alive']);
  });

  withPeer(`${what} ends its polling session and nothing else`, 'polling', async (peer) => {
    const bystander = await peer.connect();
    const wire = await PollingWire.open();
    await wire.join();
    // The answer to the request itself may be an error or a cut connection.
    await wire.post(frames.map(asPacket).join('\x1e')).catch(() => {});
    assert.equal((await wire.gone()).status, 400);
    assert.deepEqual(await bystander.ask('message-with-ack', 'alive'), ['alive']);
  });
}

/** Frames that may or may not be taken, but must not hurt anyone. */
const odd = {
  'an ack nobody waits for': ['43999["x"]'],
  'an ack without an id': ['43["x"]'],
  'an ack that is no array': ['430{"a":1}'],
  'an ack with an enormous id': [`43${'9'.repeat(400)}["x"]`],
  'an event with an enormous id': [`42${'9'.repeat(400)}["message-with-ack","x"]`],
  'an absurd number of attachments': ['459999999999-["message"]'],
  'an endless number of attachments': [`45${'9'.repeat(400)}-["message"]`],
  'no attachments where some are announced': ['450-["message"]'],
  'a number of attachments that is no number': ['45x-["message"]', '451e9-["message"]'],
  'an attachment count without a dash': ['451["message"]'],
  'deep nesting of arrays': [`42["message",${'['.repeat(20_000)}${']'.repeat(20_000)}]`],
  'deep nesting of objects': [`42["message",${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}]`],
  'deep nesting of a refused login': [`40/auth,${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`],
  'an event for a namespace that was not joined': ['42/custom,["message"]'],
  'an event for a namespace that does not exist': ['42/nope,["message"]'],
  'a goodbye for a namespace that does not exist': ['41/nope,'],
  'a namespace without an end': [`40/${'n'.repeat(100_000)}`],
  'joining twice': ['40', '40'],
  'joining with a payload that is no object': ['40/custom,[1]', '40/unicode-ü世,"x"'],
  'an error from the client': ['44{"message":"x"}'],
  'half a surrogate pair': ['42["message","\\ud800"]'],
  'a number no double can hold': ['42["message",1e999,-1e-999,123456789012345678901234567890]'],
  'the same key twice': ['42["message",{"a":1,"a":2,"__proto__":3}]'],
  'handlers called with the wrong types': [
    '421["slow-ack","x"]',
    '422["length",{}]',
    '423["get-string",-1]',
    '424["get-bytes",1e300]',
    '425["join",{}]',
    '42["rooms-emit",5]',
    '42["burst","many"]',
    '42["room-ask"]',
    '42["disconnect-me","maybe"]',
    '42["request-question",null]',
  ],
  'an event nobody handles': ['427["no-such-event",1]', '42[7,"numbered"]'],
  'engine packets of unknown type': ['9', 'x', ''],
  'a ping from the client': ['2'],
  'pongs nobody asked for': ['3', '3', '3probe'],
  'an upgrade nobody began': ['5'],
};

for (const [what, frames] of Object.entries(odd)) {
  onLanes([{ name: 'websocket', transports: ['websocket'] }], `${what} leaves the server usable`, async (peer) => {
    const bystander = await peer.connect();
    const wire = await SocketWire.open();
    await wire.join();
    wire.send(...frames);
    // Either the connection ends or it answers again; both are fine.
    wire.send('4299["message-with-ack","reached"]');
    await Promise.race([wire.closed(), wire.packet((packet) => packet === '4399["reached"]').catch(() => {})]);
    wire.cut();
    assert.deepEqual(await bystander.ask('message-with-ack', 'alive'), ['alive']);
    const late = await peer.connect();
    assert.deepEqual(await late.ask('message-with-ack', 'new'), ['new']);
  });
}

withPeer('an ack id of 2^53-1 is answered unchanged', 'websocket', async () => {
  const wire = await SocketWire.open();
  await wire.join();
  wire.send('429007199254740991["message-with-ack","a"]');
  assert.equal(await wire.packet((packet) => packet.startsWith('43')), '439007199254740991["a"]');
  wire.cut();
});

withPeer('a packet before any namespace was joined leaves the server usable', 'websocket', async (peer) => {
  const bystander = await peer.connect();
  const wire = await SocketWire.open();
  wire.send('42["message","early"]');
  await wire.closed();
  assert.deepEqual(await bystander.ask('message-with-ack', 'alive'), ['alive']);
});

withPeer('a body that is not UTF-8 leaves the server usable', 'polling', async (peer) => {
  const bystander = await peer.connect();
  const wire = await PollingWire.open();
  await wire.join();
  await wire.post(Buffer.from([0x34, 0x32, 0x5b, 0x22, 0xff, 0xfe, 0x22, 0x5d])).catch(() => {});
  await wire.post('b!!!').catch(() => {});
  assert.deepEqual(await bystander.ask('message-with-ack', 'alive'), ['alive']);
});

function asPacket(frame) {
  return typeof frame === 'string' ? frame : `b${frame.toString('base64')}`;
}
