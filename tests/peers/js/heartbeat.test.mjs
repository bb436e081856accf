// Idle connections, and connections that never say what they want.

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { lanes, onLanes, within, withPeer } from './support.mjs';
import { PollingWire, SocketWire } from './wire.mjs';

describe('time', { concurrency: true }, () => {
  onLanes(lanes, 'an idle client stays connected for five heartbeats', async (peer) => {
    const client = await peer.connect();
    let beats = 0;
    const kept = new Promise((resolve, reject) => {
      client.manager.on('ping', () => (beats += 1) === 5 && resolve());
      client.ended.then((reason) => reject(new Error(`${reason} after ${beats} heartbeats`)));
    });
    await within(kept, () => 'five heartbeats');
    assert.deepEqual(await client.ask('message-with-ack', 'alive'), ['alive']);
  });

  withPeer('a WebSocket that joins no namespace is closed', 'websocket', async () => {
    const wire = await SocketWire.open();
    await wire.closed();
  });

  withPeer('a polling session that joins no namespace ends', 'polling', async () => {
    const wire = await PollingWire.open();
    assert.equal((await wire.gone()).status, 400);
    assert.equal(JSON.parse((await wire.get()).text).code, 1);
  });

  withPeer('a connection whose only namespace was refused is closed', 'websocket', async () => {
    const wire = await SocketWire.open();
    wire.send('40/auth,{"token":"guess"}');
    assert.equal(
      await wire.packet((packet) => packet.startsWith('44')),
      '44/auth,{"message":"not authorized","data":{"code":401,"reason":"bad token"}}',
    );
    await wire.closed();
  });

  withPeer('a connection that joined in time is not closed by the connect timeout', 'websocket', async () => {
    const wire = await SocketWire.open();
    await wire.join();
    for (let beats = 0; beats < 3; beats++) await wire.packet((packet) => packet === '2');
    wire.send('420["message-with-ack","alive"]');
    assert.equal(await wire.packet((packet) => packet.startsWith('43')), '430["alive"]');
    wire.cut();
  });
});
