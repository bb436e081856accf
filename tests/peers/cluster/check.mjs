// Clusters of our nodes with real JavaScript and Python nodes on real brokers. Each group is one format and
// one binding: two nodes of ours, and one of the library that the format belongs to. With `--reference`, nodes of
// that library stand in for ours. Prints a line per failed check, and the counts.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { eventually, within, word } from '../js/support.mjs';
import { Kafka, Nats, Rabbit, Redis, certify } from './brokers.mjs';
import { forwarding } from './forwarding.mjs';
import { faults, faultsInTurn, faultsOfNodes } from './faults.mjs';
import { bridge, Node } from './node.mjs';
import { places, secured } from './places.mjs';
import { recovery } from './recovery.mjs';
import { scenarios } from './scenarios.mjs';

const { values: flags } = parseArgs({
  options: {
    reference: { type: 'boolean', default: false },
    format: { type: 'string', multiple: true },
    binding: { type: 'string', multiple: true },
    broker: { type: 'string', multiple: true },
    only: { type: 'string' },
    part: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});

/** The library whose nodes speak a format; `native` is spoken by other bindings of ours. */
const peers = { python: 'python', js: 'js', 'js-sharded': 'js', 'js-streams': 'js', native: null };
const bindings = ['tokio', 'smol', 'async-std', 'blocking'];

/** A certificate for brokers that speak TLS. */
const folder = mkdtempSync(join(tmpdir(), 'sansocket-tls-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const tls = certify(folder);

let passed = 0;
let failed = 0;

/** Runs one check and counts it. */
async function count(name, limit, body) {
  if (flags.only && !name.includes(flags.only)) return;
  const begin = Date.now();
  try {
    await within(body(), () => 'the whole check', limit);
    passed++;
    if (flags.verbose) console.log(`ok ${name} (${Date.now() - begin} ms)`);
  } catch (error) {
    failed++;
    const where = /([a-z]+\.mjs:\d+)/.exec(error.stack?.split('\n').find((line) => /scenarios|faults|places/.test(line)) ?? '');
    console.log(`FAILED ${name}: ${error.message.replace(/\s+/g, ' ').slice(0, 600)} (${where?.[1] ?? '?'}, ${Date.now() - begin} ms)`);
  }
}

/** What a bridge carries, from whichever side. */
const carried = ['/', '/custom', '/unicode-ü世'];

/** Waits until what each node sends reaches all. */
async function ready(nodes) {
  const clients = await Promise.all(nodes.map((node) => node.client()));
  for (const sender of clients) {
    const token = word('ready');
    await eventually(`${sender.node.kind} reaches all`, async () => {
      sender.emit('emit-all', token);
      await sender.ask('message-with-ack', 1);
      return clients.every((client) => client.all('broadcast-msg', (first) => first === token).length > 0);
    });
  }
}

/** The kinds of nodes in a group: ours, the other one, and ours again. */
function kinds(format, binding) {
  const other = peers[format] ?? bindings[(bindings.indexOf(binding) + 1) % bindings.length];
  return flags.reference ? [other, other, other] : [binding, other, binding];
}

async function healthy({ title, format, binding, broker, settings = {} }) {
  const channel = word('bus');
  const nodes = [];
  try {
    const shared = { bus: broker.url, 'bus-format': format, channel, 'bus-timeout-ms': 10_000, ...settings };
    const started = kinds(format, binding).map((kind, i) => Node.start(kind, { ...shared, node: `${kind}-${i}` }));
    nodes.push(...(await Promise.all(started)));
    const some = scenarios
      .filter((scenario) => scenario.formats.includes(format) && !(scenario.ours && flags.reference))
      .filter((scenario) => !scenario.on || broker instanceof scenario.on);
    // The third node is as the first.
    await examine({ title, format, channel, broker, settings, nodes, some, senders: nodes.slice(0, 2) });
  } finally {
    await Promise.all(nodes.map((node) => node.kill()));
  }
}

/** Nodes of JavaScript and of ours on one bus, one of Python on another, and a bridge between the two. */
async function bridged({ title, binding, broker }) {
  const url = broker.url;
  const [js, python] = ['js', 'python'].map((format) => ({ url, format, channel: word('bus') }));
  const nodes = [];
  let between;
  try {
    between = await bridge(js, python, carried);
    const on = (kind, { format, channel }) =>
      Node.start(kind, { bus: url, 'bus-format': format, channel, 'bus-timeout-ms': 10_000, node: kind });
    nodes.push(...(await Promise.all([on('js', js), on('python', python), on(binding, js)])));
    const some = scenarios.filter((scenario) => scenario.bridged);
    await examine({ title, format: 'python', broker, nodes, some, senders: nodes });
  } finally {
    await Promise.all(nodes.map((node) => node.kill()));
    between?.kill();
  }
}

/** Checks what holds in a healthy cluster, from each of the senders. */
async function examine({ title, format, channel, broker, settings = {}, nodes, some, senders }) {
  await ready(nodes);
  const runs = some.flatMap((scenario) =>
    senders
      .slice(0, scenario.once ? 1 : senders.length)
      .filter((from) => !(scenario.ours && from.foreign))
      .map((from) => () =>
        count(`${title}, from ${from.kind}: ${scenario.claim}`, 60_000, () =>
          scenario.check({ nodes, from, format, channel, broker, settings }),
        ),
      ),
  );
  await atMost(6, runs);
  for (const node of nodes.filter(({ running }) => !running)) {
    await count(`${title}: ${node.name} lives on`, 1000, () => Promise.reject(new Error(node.log())));
  }
}

/** Checks a group against faults, in the way that its broker needs. */
const faulty = (Kind, check) => async ({ title, format, binding }) => {
  const [ours, other] = kinds(format, binding);
  await check({ Kind, format, ours, other, count: (claim, limit, body) => count(`${title}: ${claim}`, limit, body) });
};

/** Nodes of two bindings find a broker by its URL alone, and their logs do not tell its passwords. */
async function placed({ claim, start }) {
  await count(claim, 120_000, async () => {
    const brokers = [];
    const nodes = [];
    try {
      const { url, env, secrets = [] } = await start((broker) => brokers.push(broker));
      const flags = { bus: url, channel: word('bus') };
      const started = ['tokio', 'blocking'].map((kind) => Node.start(kind, { ...flags, node: kind }, env));
      nodes.push(...(await Promise.all(started)));
      await ready(nodes);
      for (const secret of secrets) assert.ok(nodes.every((node) => !node.log().includes(secret)), 'a password in a log');
    } finally {
      await Promise.all(nodes.map((node) => node.kill()));
      await Promise.all(brokers.map((broker) => broker.stop()));
    }
  });
}

async function forwarded({ title, kinds, learns }) {
  await forwarding({ kinds, learns, count: (claim, limit, body) => count(`${title}: ${claim}`, limit, body) });
}

async function recovering({ title, binding }) {
  const third = bindings[(bindings.indexOf(binding) + 1) % bindings.length];
  await recovery({ ours: binding, other: 'js', third, count: (claim, limit, body) => count(`${title}: ${claim}`, limit, body) });
}

/** Runs functions, so many at a time. */
async function atMost(width, runs) {
  const left = [...runs];
  const worker = async () => {
    for (let run = left.shift(); run; run = left.shift()) await run();
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** Runs a part of a group; one that cannot even begin is a failure. */
const whole = (part) => (group) => () =>
  part(group).catch((error) => count(`${group.title}: it begins`, 1000, () => Promise.reject(error)));

/** Runs groups on one broker, so many at a time, and then what else it serves. */
async function onOne(Kind, groups, width, options, more = () => {}) {
  if (groups.length === 0) return;
  let broker;
  await count(`${Kind.program} starts`, 120_000, async () => (broker = await Kind.start(options)));
  try {
    if (broker) await atMost(width, groups.map((group) => whole(group.format === 'bridge' ? bridged : healthy)({ ...group, broker })));
    if (broker) await more(broker);
  } finally {
    await broker?.stop();
  }
}

const wanted = (group) =>
  (!flags.format || flags.format.includes(group.format)) &&
  (!flags.binding || flags.binding.includes(group.binding)) &&
  (!flags.broker || flags.broker.includes(group.on));
const groups = (on, formats, bindings, settings = {}) => {
  const named = Object.entries(settings).map(([name, value]) => `, ${name} ${value}`).join('');
  return formats
    .flatMap((format) =>
      bindings.map((binding) => ({ title: `${format} on ${on}, ${binding}${named}`, on, format, binding, settings })),
    )
    .filter(wanted);
};

const formats = Object.keys(peers);
const lanes = [];
if (flags.reference) {
  lanes.push(onOne(Redis, groups('redis', formats.slice(0, 4), ['reference']), 3));
} else {
  if (!flags.part || flags.part === 'healthy') {
    const set = [
      ...groups('redis', ['js-sharded'], ['smol'], { 'subscription-mode': 'static' }),
      ...groups('redis', ['js-streams'], ['blocking'], { streams: '3' }),
    ];
    const rabbits = [...groups('rabbit', ['python'], ['tokio']), ...groups('rabbit', ['native'], ['smol'])];
    const redis = [...groups('redis', formats, bindings), ...set, ...groups('redis', ['bridge'], bindings)];
    lanes.push(onOne(Redis, redis, 3));
    lanes.push(onOne(Nats, groups('nats', ['native'], ['tokio', 'blocking']), 1));
    // The second node is of the next binding.
    lanes.push(onOne(Kafka, groups('kafka', ['native'], ['tokio', 'async-std']), 1));
    lanes.push(onOne(Rabbit, rabbits, 1, { tls }, (rabbit) => placed(secured(rabbit, tls))));
    if (!flags.format && !flags.binding && !flags.broker) lanes.push(atMost(2, places(tls).map((place) => () => placed(place))));
  }
  if (!flags.part || flags.part === 'recovery') {
    lanes.push(atMost(1, groups('redis', ['js-streams'], bindings).map(whole(recovering))));
  }
  // Mostly they wait. All bindings meet each fault on Redis, in the format of Python, in ours, and in one of JavaScript.
  if (!flags.part || flags.part === 'faults') {
    const some = [
      ...groups('redis', formats, ['tokio']),
      ...groups('redis', ['python', 'native'], bindings.slice(1)),
      ...groups('redis', ['js'], ['smol']),
      ...groups('redis', ['js-sharded'], ['async-std']),
      ...groups('redis', ['js-streams'], ['blocking']),
    ];
    const nats = groups('nats', ['native'], ['blocking']).map(whole(faulty(Nats, faults)));
    // What plays Kafka listens elsewhere when it is started again.
    const kafka = groups('kafka', ['native'], ['smol']).map(whole(faulty(Kafka, faultsOfNodes)));
    const rabbit = groups('rabbit', ['native'], ['async-std']).map(whole(faulty(Rabbit, faultsInTurn)));
    lanes.push(atMost(4, [...some.map(whole(faulty(Redis, faults))), ...nats, ...kafka]));
    lanes.push(atMost(1, rabbit));
  }
  if (!flags.part || flags.part === 'forwarding') {
    // Nodes of all bindings forward to each other.
    const kinds = flags.binding ?? bindings;
    const some = [
      { title: 'forwarding to nodes of a list', kinds, learns: false },
      { title: 'forwarding to nodes that say where they are', kinds: [...kinds].reverse(), learns: true },
    ];
    lanes.push(atMost(1, some.map(whole(forwarded))));
  }
}
await Promise.all(lanes);
console.log(`cluster: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
