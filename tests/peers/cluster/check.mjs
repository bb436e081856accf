// Clusters of our nodes with real JavaScript and Python nodes on a real redis-server. Each group is one format and
// one binding: two nodes of ours, and one of the library that the format belongs to. With `--reference`, nodes of
// that library stand in for ours. Prints a line per failed check, and the counts.

import { parseArgs } from 'node:util';
import { eventually, within, word } from '../js/support.mjs';
import { faults } from './faults.mjs';
import { Node } from './node.mjs';
import { Redis } from './redis.mjs';
import { scenarios } from './scenarios.mjs';

const { values: flags } = parseArgs({
  options: {
    reference: { type: 'boolean', default: false },
    format: { type: 'string', multiple: true },
    binding: { type: 'string', multiple: true },
    only: { type: 'string' },
    part: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});

/** The library whose nodes speak a format; `native` is spoken by other bindings of ours. */
const peers = { python: 'python', js: 'js', 'js-sharded': 'js', 'js-streams': 'js', native: null };
const bindings = ['tokio', 'smol', 'async-std', 'blocking'];

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
    const where = /([a-z]+\.mjs:\d+)/.exec(error.stack?.split('\n').find((line) => /scenarios|faults/.test(line)) ?? '');
    console.log(`FAILED ${name}: ${error.message.replace(/\s+/g, ' ').slice(0, 600)} (${where?.[1] ?? '?'}, ${Date.now() - begin} ms)`);
  }
}

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

async function healthy(format, binding) {
  const redis = await Redis.start();
  const channel = word('bus');
  const nodes = [];
  try {
    const shared = { bus: redis.url, 'bus-format': format, channel, 'bus-timeout-ms': 10_000 };
    const started = kinds(format, binding).map((kind, i) => Node.start(kind, { ...shared, node: `${kind}-${i}` }));
    nodes.push(...(await Promise.all(started)));
    await ready(nodes);
    // The third node is as the first.
    const runs = scenarios
      .filter((scenario) => scenario.formats.includes(format))
      .flatMap((scenario) =>
        nodes
          .slice(0, scenario.once ? 1 : 2)
          .filter((from) => !(scenario.ours && from.foreign))
          .map((from) => () =>
            count(`${format}/${binding}, from ${from.kind}: ${scenario.claim}`, 60_000, () =>
              scenario.check({ nodes, from, format, channel, redis }),
            ),
          ),
      );
    await atMost(6, runs);
    for (const node of nodes) {
      if (!node.running) await count(`${format}/${binding}: ${node.name} lives on`, 1, async () => { throw new Error(node.log()); });
    }
  } finally {
    await Promise.all(nodes.map((node) => node.kill()));
    await redis.stop();
  }
}

async function faulty(format, binding) {
  const [ours, other] = kinds(format, binding);
  const name = (claim) => `${format}/${binding}: ${claim}`;
  await faults({ format, ours, other, count: (claim, limit, body) => count(name(claim), limit, body) });
}

/** Runs functions, so many at a time. */
async function atMost(width, runs) {
  const left = [...runs];
  const worker = async () => {
    for (let run = left.shift(); run; run = left.shift()) await run();
  };
  await Promise.all(Array.from({ length: width }, worker));
}

const wanted = (all, some) => (some ? all.filter((one) => some.includes(one)) : all);
const groups = wanted(Object.keys(peers), flags.format).flatMap((format) =>
  wanted(flags.reference ? ['reference'] : bindings, flags.binding)
    .filter(() => !(flags.reference && peers[format] === null))
    .map((binding) => [format, binding]),
);
/** A group of checks that cannot even begin is a failure. */
const whole = (part, title) => ([format, binding]) => () =>
  part(format, binding).catch((error) => count(`${format}/${binding}: ${title}`, 1000, () => Promise.reject(error)));

const lanes = [];
if (flags.part !== 'faults') lanes.push(atMost(3, groups.map(whole(healthy, 'a healthy cluster'))));
// Mostly they wait. All bindings meet each fault, and all formats; not each of both.
const chosen = groups.filter(([format, binding]) => flags.reference || flags.format || binding === 'tokio' || format === 'native' || format === 'python');
if (flags.part !== 'healthy' && !flags.reference) lanes.push(atMost(4, chosen.map(whole(faulty, 'faults'))));
await Promise.all(lanes);
console.log(`cluster: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
