// The chat page in a real browser: three people, two transports.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const url = process.env.CHAT_URL ?? 'http://127.0.0.1:3000';
const artifacts = process.env.ARTIFACTS ?? mkdtempSync(join(tmpdir(), 'chat-'));
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const patience = 15_000;

// Without these flags the browser calls home and, as root, does not start.
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** One person's tab, spoken to through the page's hooks. */
class Tab {
  static async open(browser, { name, query = '', viewport = { width: 1280, height: 800 } }) {
    const context = await browser.newContext({ viewport });
    const page = await context.newPage();
    page.setDefaultTimeout(patience);
    const faults = [];
    page.on('pageerror', (error) => faults.push(String(error)));
    await page.goto(`${url}/${query}`);
    return new Tab(name, page, faults);
  }

  constructor(name, page, faults) {
    this.name = name;
    this.page = page;
    this.faults = faults;
  }

  hook(id) {
    return this.page.getByTestId(id);
  }

  async join() {
    await this.hook('name-input').fill(this.name);
    await this.hook('join-button').click();
    await this.shows('state', 'connected');
    await this.listed('user', this.name);
  }

  async say(text) {
    await this.hook('message-input').fill(text);
    await this.hook('send-button').click();
  }

  /** Waits until the element's text is exactly `text`. */
  async shows(id, text) {
    await this.#until(`${id} shows "${text}"`, async () => (await this.hook(id).textContent())?.trim() === text);
  }

  /** Waits until one of the elements contains `text`; on a phone some are folded away. */
  async listed(id, text) {
    await this.hook(id).filter({ hasText: text }).first().waitFor({ state: 'attached' });
  }

  /** Waits until none of the visible elements contains `text`. */
  async unlisted(id, text) {
    await this.#until(`no ${id} with "${text}"`, async () => (await this.count(id, text)) === 0);
  }

  /** Waits until more than `before` visible elements contain `text`. */
  async listedMore(id, text, before) {
    await this.#until(`another ${id} with "${text}"`, async () => (await this.count(id, text)) > before);
  }

  /** Waits for a message and checks author and text. */
  async read(author, text) {
    const message = this.hook('messages').getByTestId('message').filter({ hasText: text }).first();
    await message.waitFor();
    assert.equal((await message.getByTestId('message-author').textContent()).trim(), author);
    assert.equal((await message.getByTestId('message-text').textContent()).trim(), text);
  }

  count(id, text) {
    return this.hook(id).filter({ hasText: text }).filter({ visible: true }).count();
  }

  async enter(room) {
    await this.hook('room-input').fill(room);
    await this.hook('room-add').click();
    await this.room(room).waitFor();
  }

  room(name) {
    return this.page.locator(`[data-testid="room"][data-room="${name}"]`);
  }

  async picture(file) {
    await this.page.screenshot({ path: join(artifacts, file) });
  }

  async close() {
    await this.page.context().close();
  }

  async #until(what, probe) {
    const end = Date.now() + patience;
    while (!(await probe())) {
      if (Date.now() > end) throw new Error(`${this.name}: waited until ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

let passed = 0;
let failed = 0;

async function check(claim, body) {
  try {
    await body();
    passed += 1;
    console.log(`ok - ${claim}`);
  } catch (error) {
    failed += 1;
    console.log(`not ok - ${claim}\n  ${String(error.message ?? error).replaceAll('\n', '\n  ')}`);
  }
}

async function story(browser) {
  const mark = Math.random().toString(36).slice(2, 8);
  const tabs = [];
  const open = async (options) => {
    const tab = await Tab.open(browser, options);
    tabs.push(tab);
    return tab;
  };

  const ann = await open({ name: `Ann-${mark}` });
  const bob = await open({ name: `Bob-${mark}` });
  const cat = await open({ name: `Cat-${mark}`, query: '?transport=polling', viewport: { width: 390, height: 844 } });

  await check('a person joins with a name', () => ann.join());
  await check('a second person joins', () => bob.join());
  await check('who was there is told who joined', () => ann.listed('notice', bob.name));
  await check('both see both in the list of people', async () => {
    for (const tab of [ann, bob]) for (const { name } of [ann, bob]) await tab.listed('user', name);
  });

  await check('the connection moves to websocket', async () => {
    for (const tab of [ann, bob]) await tab.shows('transport', 'websocket');
  });

  await check('a message reaches both, with its author', async () => {
    await ann.say(`hello from Ann ${mark}`);
    for (const tab of [ann, bob]) await tab.read(ann.name, `hello from Ann ${mark}`);
  });
  await check('a message goes the other way', async () => {
    await bob.say(`hello from Bob ${mark}`);
    for (const tab of [ann, bob]) await tab.read(bob.name, `hello from Bob ${mark}`);
  });
  await check('the message input is empty after sending', async () => {
    assert.equal(await bob.hook('message-input').inputValue(), '');
  });
  await check('a message is text, never markup', async () => {
    const text = `<b>bold</b> & <img src=x> "ü 世界 🦀" ${mark}`;
    await bob.say(text);
    await ann.read(bob.name, text);
  });
  await check('each message is shown once', async () => {
    for (const tab of [ann, bob]) assert.equal(await tab.count('message', `hello from Ann ${mark}`), 1);
  });

  await check('typing is shown to the other and ends with the message', async () => {
    await bob.hook('message-input').pressSequentially('writing', { delay: 20 });
    await ann.listed('typing', bob.name);
    await bob.say(`written ${mark}`);
    await ann.read(bob.name, `written ${mark}`);
    await ann.unlisted('typing', bob.name);
  });

  await check('a third person joins by polling and stays there', async () => {
    await cat.join();
    await cat.shows('transport', 'polling');
    await ann.listed('notice', cat.name);
  });
  await check('polling and websocket hear each other', async () => {
    await cat.say(`hello from Cat ${mark}`);
    for (const tab of [ann, bob, cat]) await tab.read(cat.name, `hello from Cat ${mark}`);
    await ann.say(`welcome ${mark}`);
    await cat.read(ann.name, `welcome ${mark}`);
  });
  await check('the transport of the third is still polling', () => cat.shows('transport', 'polling'));

  await check('pictures are taken', async () => {
    await ann.picture('chat-desktop.png');
    await cat.picture('chat-phone.png');
  });
  await check('the page fits the width of a phone', async () => {
    const { content, window } = await cat.page.evaluate(() => ({
      content: document.documentElement.scrollWidth,
      window: globalThis.innerWidth,
    }));
    assert.ok(content <= window, `${content} px of content in ${window} px`);
  });

  const room = `room-${mark}`;
  await check('a person opens another room, and messages stay in it', async () => {
    await ann.enter(room);
    await ann.unlisted('message', `hello from Bob ${mark}`);
    await ann.say(`alone in ${room}`);
    await ann.read(ann.name, `alone in ${room}`);
    await bob.say(`back in the first room ${mark}`);
    await cat.read(bob.name, `back in the first room ${mark}`);
    assert.equal(await bob.count('message', `alone in ${room}`), 0);
    assert.equal(await ann.count('message', `back in the first room ${mark}`), 0);
  });
  await check('a second person enters the room and they talk', async () => {
    await bob.enter(room);
    await ann.listed('notice', bob.name);
    await bob.say(`found you ${mark}`);
    for (const tab of [ann, bob]) await tab.read(bob.name, `found you ${mark}`);
    assert.equal(await cat.count('message', `found you ${mark}`), 0);
  });
  await check('a person goes back to the first room by its button', async () => {
    const first = await cat.hook('room').first().getAttribute('data-room');
    await bob.room(first).click();
    await cat.say(`hello again ${mark}`);
    await bob.read(cat.name, `hello again ${mark}`);
    assert.equal(await ann.count('message', `hello again ${mark}`), 0);
    await ann.room(first).click();
    await ann.listed('user', cat.name);
  });

  await check('who stays is told who left', async () => {
    await bob.listed('user', cat.name);
    const before = await bob.count('notice', cat.name);
    await cat.close();
    await bob.unlisted('user', cat.name);
    await bob.listedMore('notice', cat.name, before);
  });

  await check('no page reported an error', () => {
    for (const tab of tabs) assert.deepEqual(tab.faults, [], tab.name);
  });
}

mkdirSync(artifacts, { recursive: true });
const browser = await chromium.launch({ executablePath, args });
await check('the story runs to its end', () => story(browser));
await browser.close();
if (!process.env.ARTIFACTS) rmSync(artifacts, { recursive: true });
console.log(`browser: ${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
