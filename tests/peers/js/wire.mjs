// Engine.IO by hand, for what a well-behaved client never does.

import http from 'node:http';
import { WebSocket } from 'ws';
import { patience, url, within } from './support.mjs';

/** One HTTP exchange on a connection of its own. */
export function exchange(method, path, { body, headers } = {}) {
  const answer = new Promise((resolve, reject) => {
    const request = http.request(url + path, { method, headers, agent: false }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode, type: response.headers['content-type'] ?? '', text });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
  return within(answer, () => `an answer to ${method} ${path}`);
}

/** A polling session driven request by request. */
export class PollingWire {
  static async open() {
    const { status, text } = await exchange('GET', '/socket.io/?EIO=4&transport=polling');
    if (status !== 200) throw new Error(`handshake refused with ${status}`);
    return new PollingWire(JSON.parse(text.slice(1)));
  }

  constructor(handshake) {
    this.handshake = handshake;
    this.path = `/socket.io/?EIO=4&transport=polling&sid=${handshake.sid}`;
  }

  get() {
    return exchange('GET', this.path);
  }

  post(body) {
    return exchange('POST', this.path, { body, headers: { 'content-type': 'text/plain;charset=UTF-8' } });
  }

  /** Joins a namespace; resolves with the socket id. */
  async join(nsp = '/') {
    await this.post(nsp === '/' ? '40' : `40${nsp},`);
    return sidIn(await this.packet((packet) => packet.startsWith('40')));
  }

  /** Polls until a packet matches. Answers pings on the way. */
  async packet(match) {
    const packets = [];
    const answer = await this.#poll((text) => {
      packets.push(...text.split('\x1e'));
      return packets.some(match);
    });
    if (answer.status !== 200) throw new Error(`the session ended with ${answer.status}`);
    return packets.find(match);
  }

  /** Polls until the session is gone; resolves with the answer that said so. */
  gone(options) {
    return this.#poll(() => false, options);
  }

  /** Polls until `enough` or until an answer is not 200; resolves with the last answer. */
  async #poll(enough, { pong = true } = {}) {
    const end = Date.now() + patience;
    while (Date.now() < end) {
      const answer = await this.get();
      if (answer.status !== 200) return answer;
      if (pong && answer.text.split('\x1e').includes('2')) await this.post('3');
      if (enough(answer.text)) return answer;
    }
    throw new Error(`polled for ${patience} ms`);
  }

  /** Moves to a WebSocket the way the protocol asks for. */
  async upgrade(options) {
    const wire = await SocketWire.dial(`EIO=4&transport=websocket&sid=${this.handshake.sid}`, options);
    wire.send('2probe');
    await wire.packet((packet) => packet === '3probe');
    wire.send('5');
    return wire;
  }
}

/** A WebSocket session driven frame by frame. */
export class SocketWire {
  #frames = [];
  #look = () => {};

  static async open(options) {
    const wire = await SocketWire.dial('EIO=4&transport=websocket', options);
    const packet = await wire.packet((first) => first.startsWith('0'));
    wire.handshake = JSON.parse(packet.slice(1));
    return wire;
  }

  static async dial(query, options) {
    const wire = new SocketWire(query, options);
    await within(wire.opened, () => 'the WebSocket to open');
    return wire;
  }

  constructor(query, { pong = true } = {}) {
    this.socket = new WebSocket(`${url.replace(/^http/, 'ws')}/socket.io/?${query}`);
    this.opened = new Promise((resolve, reject) => {
      this.socket.once('open', resolve);
      this.socket.once('error', reject);
    });
    // A refused frame surfaces here too; the close event tells what matters.
    this.socket.on('error', () => {});
    this.ended = new Promise((resolve) => this.socket.once('close', resolve));
    this.socket.on('message', (data, isBinary) => {
      if (isBinary) return;
      const text = data.toString();
      if (text === '2' && pong) this.socket.send('3');
      this.#frames.push(text);
      this.#look();
    });
  }

  send(...frames) {
    for (const frame of frames) this.socket.send(frame);
  }

  /** Joins a namespace; resolves with the socket id. */
  async join(nsp = '/') {
    const prefix = nsp === '/' ? '40' : `40${nsp},`;
    this.send(prefix);
    return sidIn(await this.packet((packet) => packet.startsWith(`${prefix}{`)));
  }

  /** Waits for a text frame that matches, among those not yet taken. */
  packet(match) {
    const arrival = new Promise((resolve, reject) => {
      this.#look = () => {
        const at = this.#frames.findIndex(match);
        if (at >= 0) resolve(this.#frames.splice(0, at + 1).at(-1));
      };
      this.#look();
      this.ended.then((code) => reject(new Error(`closed with ${code}`)));
    });
    return within(arrival, () => `a frame; held: ${this.#frames.join(' ').slice(0, 200)}`);
  }

  /** The close code, once the server has closed. */
  closed() {
    return within(this.ended, () => 'the WebSocket to close');
  }

  /** Ends the TCP connection without a close frame. */
  cut() {
    this.socket.terminate();
  }
}

function sidIn(packet) {
  return JSON.parse(packet.slice(packet.indexOf('{'))).sid;
}
