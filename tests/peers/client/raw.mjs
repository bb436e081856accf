// A server that does what a check says, byte by byte: HTTP and WebSocket by hand.

import { createHash } from 'node:crypto';
import net from 'node:net';
import { patience } from './driver.mjs';

export const SEPARATOR = '\x1e';

/** A handshake as servers send it. */
export function handshake(fields = {}) {
  const open = { sid: 'S1', upgrades: [], pingInterval: 25_000, pingTimeout: 20_000, maxPayload: 1_000_000 };
  return `0${JSON.stringify({ ...open, ...fields })}`;
}

/** Values that somebody waits for. */
class Inbox {
  #values = [];
  #waiting = [];

  put(value) {
    const found = this.#waiting.findIndex(({ match }) => match(value));
    if (found >= 0) this.#waiting.splice(found, 1)[0].resolve(value);
    else this.#values.push(value);
  }

  async take(match = () => true, what = 'something') {
    const found = this.#values.findIndex(match);
    if (found >= 0) return this.#values.splice(found, 1)[0];
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${what} did not come`)), patience);
      timer.unref(); // a check that is skipped leaves it behind
      const settle = (value) => {
        clearTimeout(timer);
        resolve(value);
      };
      this.#waiting.push({ match, resolve: settle });
    });
  }

  get waiting() {
    return this.#values;
  }
}

/** Listens, and hands out the requests that come. */
export class Raw {
  /** All requests so far. */
  requests = [];
  /** Streams that were accepted so far. */
  accepted = 0;
  sockets = new Set();
  #inbox = new Inbox();

  static async start(t, host = '127.0.0.1', port = 0) {
    const raw = new Raw();
    raw.server = net.createServer((socket) => raw.#accept(socket));
    await new Promise((resolve, reject) => raw.server.on('error', reject).listen(port, host, resolve));
    raw.port = raw.server.address().port;
    raw.url = `http://${host.includes(':') ? `[${host}]` : host}:${raw.port}`;
    t.after(() => raw.stop());
    return raw;
  }

  async stop() {
    if (!this.server.listening) return;
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  /** The next request that matches. */
  async request(match = () => true, what = 'a request') {
    return await this.#inbox.take(match, what);
  }

  get() {
    return this.request((it) => it.method === 'GET' && !it.isUpgrade, 'a GET');
  }

  post() {
    return this.request((it) => it.method === 'POST', 'a POST');
  }

  upgrade() {
    return this.request((it) => it.isUpgrade, 'a WebSocket handshake');
  }

  /** Requests that nobody took. */
  get untaken() {
    return this.#inbox.waiting;
  }

  /** Answers the handshake of the next session. */
  async session(transport = 'polling', fields = {}) {
    if (transport === 'websocket') {
      const session = (await this.upgrade()).accept();
      session.send(handshake(fields));
      return session;
    }
    const get = await this.get();
    get.reply(handshake(fields));
    return new PollingSession(this, fields.sid ?? 'S1');
  }

  /** The same, and lets the client join. */
  async joined(transport = 'polling', fields = {}, nsp = '/') {
    const session = await this.session(transport, fields);
    session.connect = await session.packet();
    session.send(`40${nsp === '/' ? '' : `${nsp},`}{"sid":"id-${fields.sid ?? 'S1'}"}`);
    return session;
  }

  #accept(socket) {
    this.accepted += 1;
    this.sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => this.sockets.delete(socket));
    let unread = Buffer.alloc(0);
    const read = (bytes) => {
      unread = Buffer.concat([unread, bytes]);
      for (;;) {
        const end = unread.indexOf('\r\n\r\n');
        if (end < 0) return;
        const head = unread.subarray(0, end).toString('latin1');
        const request = new Request(this, socket, head);
        const length = Number(request.headers['content-length'] ?? 0);
        if (unread.length < end + 4 + length) return;
        request.body = unread.subarray(end + 4, end + 4 + length).toString();
        unread = unread.subarray(end + 4 + length);
        this.requests.push(request);
        if (request.isUpgrade) {
          socket.off('data', read);
          request.rest = unread;
        }
        const session = this.polling?.(request);
        if (!session) this.#inbox.put(request);
        if (request.isUpgrade) return;
      }
    };
    socket.on('data', read);
  }
}

class Request {
  constructor(raw, socket, head) {
    this.raw = raw;
    this.socket = socket;
    this.head = head;
    const [first, ...lines] = head.split('\r\n');
    [this.method, this.target, this.version] = first.split(' ');
    this.names = lines.map((line) => line.slice(0, line.indexOf(':')));
    this.headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    const url = new URL(this.target, 'http://a');
    this.path = url.pathname;
    this.query = Object.fromEntries(url.searchParams);
    this.keys = [...url.searchParams.keys()];
    this.isUpgrade = this.headers.upgrade?.toLowerCase() === 'websocket';
  }

  /** Answers with status and fields. */
  answer(status, headers = {}, body = '') {
    const fields = { 'Content-Type': 'text/plain; charset=UTF-8', 'Content-Length': Buffer.byteLength(body), ...headers };
    const lines = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .flatMap(([name, value]) => [value].flat().map((value) => `${name}: ${value}`));
    this.socket.write(`HTTP/1.1 ${status} X\r\n${lines.join('\r\n')}\r\n\r\n${body}`);
  }

  reply(...packets) {
    this.answer(200, {}, packets.join(SEPARATOR));
  }

  /** The packets of a POST. */
  get packets() {
    return this.body.split(SEPARATOR);
  }

  /** Accepts a WebSocket. */
  accept(headers = {}) {
    const key = `${this.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash('sha1').update(key).digest('base64');
    const fields = { Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Accept': accept, ...headers };
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
    this.socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`);
    return new WebSocketSession(this);
  }
}

/** A session over polling: POSTs are read, GETs are answered when there is something to send. */
export class PollingSession {
  posts = [];
  /** Messages that were sent while nobody polled. */
  #unsent = [];
  #gets = [];
  #inbox = new Inbox();
  /** Whether a POST is answered at once. */
  answers = true;

  constructor(raw, sid) {
    this.sid = sid;
    raw.polling = (request) => {
      if (request.query.sid !== sid || request.isUpgrade || this.over) return false;
      if (request.method === 'POST') {
        this.posts.push(request);
        if (this.answers) request.reply('ok');
        for (const packet of request.packets) this.#inbox.put(packet);
      } else {
        this.gets += 1;
        this.#gets.push(request);
        this.#flush();
      }
      return true;
    };
  }

  gets = 0;

  packet(match) {
    return this.#inbox.take(match, 'a packet');
  }

  get packets() {
    return this.#inbox.waiting;
  }

  send(...packets) {
    this.#unsent.push(...packets);
    this.#flush();
  }

  sendBinary(bytes) {
    this.send(`b${Buffer.from(bytes).toString('base64')}`);
  }

  /** The GET that waits. */
  async held() {
    while (this.#gets.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    return this.#gets.shift();
  }

  /**
   * Lets polls go until the WebSocket has taken over, as servers do: an answer to a poll may overtake that to the
   * probe, and then the client polls again. Returns what comes by the WebSocket first.
   */
  async release(ws) {
    let taken = false;
    const first = ws.packet().finally(() => (taken = true));
    while (!taken) {
      for (const get of this.#gets.splice(0)) get.reply('6');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return await first;
  }

  /** Answers every request from now on with an error. */
  fail(status = 500) {
    this.over = true;
    for (const get of this.#gets.splice(0)) get.answer(status);
  }

  /** Ends the streams. */
  async drop() {
    this.over = true;
    (await this.held()).socket.destroy();
  }

  #flush() {
    if (this.#unsent.length === 0 || this.#gets.length === 0) return;
    this.#gets.shift().reply(...this.#unsent.splice(0));
  }
}

/** A WebSocket, from its first byte on. */
export class WebSocketSession {
  /** All frames so far. */
  frames = [];
  /** Whether a close frame is answered. */
  answersClose = true;
  #inbox = new Inbox();
  #unread;
  #parts = [];

  constructor(request) {
    this.request = request;
    this.socket = request.socket;
    this.#unread = Buffer.from(request.rest);
    this.closed = new Promise((resolve) => this.socket.on('close', resolve));
    this.socket.on('data', (bytes) => {
      this.#unread = Buffer.concat([this.#unread, bytes]);
      this.#read();
    });
    this.#read();
  }

  /** The next text, or the bytes of the next binary message. */
  packet(match) {
    return this.#inbox.take(match, 'a message');
  }

  get packets() {
    return this.#inbox.waiting;
  }

  async frame(opcode) {
    for (;;) {
      const found = this.frames.find((frame) => frame.opcode === opcode && !frame.taken);
      if (found) {
        found.taken = true;
        return found;
      }
      if (this.socket.destroyed) throw new Error(`no frame ${opcode} came`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  send(...packets) {
    for (const packet of packets) this.sendFrame(1, Buffer.from(packet));
  }

  sendBinary(bytes) {
    this.sendFrame(2, Buffer.from(bytes));
  }

  sendFrame(opcode, payload, { fin = true, masked = false, rsv = 0 } = {}) {
    const length = payload.length;
    let head = Buffer.from([(fin ? 0x80 : 0) | rsv | opcode, (masked ? 0x80 : 0) | length]);
    if (length > 125) {
      head = Buffer.alloc(length > 65_535 ? 10 : 4);
      head[0] = (fin ? 0x80 : 0) | rsv | opcode;
      head[1] = (masked ? 0x80 : 0) | (length > 65_535 ? 127 : 126);
      if (length > 65_535) head.writeBigUInt64BE(BigInt(length), 2);
      else head.writeUInt16BE(length, 2);
    }
    const mask = masked ? Buffer.alloc(4) : Buffer.alloc(0);
    this.socket.write(Buffer.concat([head, mask, payload]));
  }

  close(code = 1000) {
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    this.sendFrame(8, payload);
  }

  #read() {
    for (;;) {
      const unread = this.#unread;
      if (unread.length < 2) return;
      let [length, at] = [unread[1] & 0x7f, 2];
      if (length === 126) {
        if (unread.length < 4) return;
        [length, at] = [unread.readUInt16BE(2), 4];
      } else if (length === 127) {
        if (unread.length < 10) return;
        [length, at] = [Number(unread.readBigUInt64BE(2)), 10];
      }
      const masked = (unread[1] & 0x80) !== 0;
      if (unread.length < at + (masked ? 4 : 0) + length) return;
      const mask = masked ? unread.subarray(at, at + 4) : Buffer.alloc(4);
      at += masked ? 4 : 0;
      const payload = Buffer.from(unread.subarray(at, at + length));
      for (let i = 0; i < payload.length; i += 1) payload[i] ^= mask[i % 4];
      const frame = { fin: (unread[0] & 0x80) !== 0, rsv: unread[0] & 0x70, opcode: unread[0] & 15, masked, mask: Buffer.from(mask), payload };
      this.#unread = unread.subarray(at + length);
      this.frames.push(frame);
      if (frame.opcode === 8 && this.answersClose) {
        this.close();
        this.socket.end();
      }
      if (frame.opcode <= 2) {
        this.#parts.push(payload);
        if (frame.opcode !== 0) this.text = frame.opcode === 1;
        if (frame.fin) {
          const whole = Buffer.concat(this.#parts.splice(0));
          this.#inbox.put(this.text ? whole.toString() : whole);
        }
      }
    }
  }
}
