// Encryption, proxies and Unix sockets.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { Server } from 'socket.io';
import { check, until } from './driver.mjs';
import { Raw } from './raw.mjs';

let folder;
const pem = (name) => readFileSync(join(folder, name), 'utf8');

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'driver-'));
  const run = (...args) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const ca = ['-CA', 'ca.pem', '-CAkey', 'ca.key'];
  run('req', '-x509', ...key, '-subj', '/CN=authority', '-keyout', 'ca.key', '-out', 'ca.pem');
  run('req', '-x509', ...key, ...ca, '-subj', '/CN=server', '-addext', 'subjectAltName=DNS:localhost',
    '-addext', 'basicConstraints=critical,CA:FALSE', '-keyout', 'server.key', '-out', 'server.pem');
  run('req', '-x509', ...key, ...ca, '-subj', '/CN=client', '-addext', 'extendedKeyUsage=clientAuth',
    '-addext', 'basicConstraints=critical,CA:FALSE', '-keyout', 'client.key', '-out', 'client.pem');
});
after(() => rmSync(folder, { recursive: true }));

/** An encrypted server; with `requestCert`, clients have to show a certificate. */
async function secure(t, options = {}) {
  const http = createServer({ cert: pem('server.pem'), key: pem('server.key'), ca: pem('ca.pem'), ...options });
  const io = new Server(http);
  await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
  t.after(() => new Promise((resolve) => io.close(() => resolve())));
  return http.address().port;
}

const lanes = { polling: ['polling'], websocket: ['websocket'] };

for (const [lane, transports] of Object.entries(lanes)) {
  check(`C101 an authority of the user is trusted [${lane}]`, async (start, t) => {
    const driver = await start().open(`https://localhost:${await secure(t)}`, { transports, tls: { ca: pem('ca.pem') } });
    driver.send('connect');
    await driver.wait('connected', { transport: lane });
  });

  check(`C101 attack G1 a certificate that nobody vouches for is refused [${lane}]`, async (start, t) => {
    const driver = await start().open(`https://localhost:${await secure(t)}`, { transports, tls: {} });
    driver.send('connect');
    await driver.wait('connect_error', { kind: 'transport', reconnects: true });
  });

  check(`C101 attack G1 a certificate for another name is refused [${lane}]`, async (start, t) => {
    const driver = await start().open(`https://127.0.0.1:${await secure(t)}`, { transports, tls: { ca: pem('ca.pem') } });
    driver.send('connect');
    await driver.wait('connect_error', { kind: 'transport' });
  });

  check(`C101 any certificate is accepted by who asks for it [${lane}]`, async (start, t) => {
    const driver = await start().open(`https://127.0.0.1:${await secure(t)}`, { transports, tls: { insecure: true } });
    driver.send('connect');
    await driver.wait('connected');
  });

  check(`C101 a client shows its certificate [${lane}]`, async (start, t) => {
    const port = await secure(t, { requestCert: true, rejectUnauthorized: true });
    const ca = pem('ca.pem');
    const bare = await start().open(`https://localhost:${port}`, { transports, tls: { ca } });
    bare.send('connect');
    await bare.wait('connect_error', { kind: 'transport' });
    const tls = { ca, cert: pem('client.pem'), key: pem('client.key') };
    const driver = await start().open(`https://localhost:${port}`, { transports, tls });
    driver.send('connect');
    await driver.wait('connected');
  });
}

/** A proxy that keeps what clients ask for. */
async function proxy(t, serve) {
  const sockets = new Set();
  const asked = [];
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    serve(socket, asked);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return { port: server.address().port, asked };
}

function splice(socket, host, port, answer) {
  const target = net.connect(port, host, () => {
    socket.write(answer);
    socket.pipe(target).pipe(socket);
  });
  target.on('error', () => socket.destroy());
}

function tunnel(socket, asked) {
  socket.once('data', (bytes) => {
    const head = bytes.toString();
    asked.push(head);
    const [, host, port] = /^CONNECT ([^ ]+):(\d+) HTTP\/1\.1\r\n/.exec(head) ?? [];
    if (/proxy-authorization: basic dTpw/i.test(head)) splice(socket, host, port, 'HTTP/1.1 200 OK\r\n\r\n');
    else socket.end('HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n');
  });
}

for (const [lane, transports] of Object.entries(lanes)) {
  check(`C100 streams go through an HTTP proxy, with its login [${lane}]`, async (start, t) => {
    const [raw, { port, asked }] = [await Raw.start(t), await proxy(t, tunnel)];
    const driver = await start().open(raw.url, { transports, proxy: `http://u:p@127.0.0.1:${port}` });
    driver.send('connect');
    await raw.joined(lane);
    await driver.wait('connected');
    assert.ok(asked.every((head) => head.startsWith(`CONNECT 127.0.0.1:${raw.port} `)));
    assert.ok(raw.requests.every((request) => request.headers['proxy-authorization'] === undefined));
  });

  check(`C100 encrypted streams go through a proxy [${lane}]`, async (start, t) => {
    const [port, { port: via, asked }] = [await secure(t), await proxy(t, tunnel)];
    const opts = { transports, proxy: `http://u:p@127.0.0.1:${via}`, tls: { ca: pem('ca.pem') } };
    const driver = await start().open(`https://localhost:${port}`, opts);
    driver.send('connect');
    await driver.wait('connected');
    assert.ok(asked.length > 0);
  });
}

check('C100 a proxy that wants another login is an error with its status, and is not gone around', async (start, t) => {
  const [raw, { port }] = [await Raw.start(t), await proxy(t, tunnel)];
  const driver = await start().open(raw.url, { proxy: `http://127.0.0.1:${port}` });
  driver.send('connect');
  await driver.wait('connect_error', { kind: 'transport', status: 407 });
  assert.equal(raw.accepted, 0);
});

for (const scheme of ['socks5', 'socks5h']) {
  check(`C100 streams go through a ${scheme} proxy`, async (start, t) => {
    const raw = await Raw.start(t);
    const { port, asked } = await proxy(t, (socket, asked) => {
      socket.once('data', (greeting) => {
        assert.equal(greeting[0], 5);
        socket.write(Buffer.from([5, 0]));
        socket.once('data', (request) => {
          const byName = request[3] === 3;
          const host = byName ? request.subarray(5, 5 + request[4]).toString() : request.subarray(4, 8).join('.');
          asked.push(host);
          splice(socket, '127.0.0.1', request.readUInt16BE(request.length - 2), Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
        });
      });
    });
    const driver = await start().open(`http://localhost:${raw.port}`, { proxy: `${scheme}://127.0.0.1:${port}`, transports: ['websocket'] });
    driver.send('connect');
    await raw.joined('websocket');
    await driver.wait('connected');
    if (scheme === 'socks5h') assert.deepEqual([...new Set(asked)], ['localhost'], 'the proxy looks the name up');
  });
}

for (const [lane, transports] of Object.entries(lanes)) {
  check(`C102 a server is reached by a Unix socket [${lane}]`, async (start, t) => {
    const path = join(folder, `${lane}.sock`);
    const raw = await Raw.start(t);
    const server = net.createServer((socket) => splice(socket, '127.0.0.1', raw.port, ''));
    await new Promise((resolve) => server.listen(path, resolve));
    t.after(() => server.close());
    const driver = await start().open('http://somewhere.example', { transports, unix: path });
    driver.send('connect');
    await raw.joined(lane);
    await driver.wait('connected');
    assert.equal(raw.requests[0].headers.host, 'somewhere.example');
    driver.send('disconnect');
    await driver.wait('engine_close');
    await until(() => raw.sockets.size === 0, 'the end of the streams');
  });
}
