// The chat page in a real browser: three people, two transports.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const url = process.env.CHAT_URL ?? 'http://127.0.0.1:3000';
const artifacts = process.env.ARTIFACTS ?? mkdtempSync(join(tmpdir(), 'chat-'));
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const patience = 30_000;

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

const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };

/** One person's tab, spoken to through the page's hooks. */
class Tab {
  static async open(browser, { name, query = '', viewport = DESKTOP, colorScheme = 'light' }) {
    const context = await browser.newContext({ viewport, colorScheme });
    const page = await context.newPage();
    page.setDefaultTimeout(patience);
    const faults = [];
    page.on('pageerror', (error) => faults.push(String(error)));
    // So that a check can break a connection.
    await page.addInitScript(() => {
      globalThis.webSockets = [];
      globalThis.WebSocket = class extends WebSocket {
        constructor(...args) {
          super(...args);
          globalThis.webSockets.push(this);
        }
      };
    });
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

  /** Opens the list of rooms and people, which a phone folds away. */
  async unfold() {
    await this.page.getByRole('button', { name: 'Rooms and people' }).click();
    await this.hook('rooms').waitFor();
    // It slides in.
    await this.page.waitForFunction(() => document.getElementById('side').getBoundingClientRect().left === 0);
  }

  address() {
    return decodeURIComponent(new URL(this.page.url()).hash);
  }

  /** Where the first element with this selector is. */
  box(selector) {
    return this.page.locator(selector).first().boundingBox();
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
  const cat = await open({ name: `Cat-${mark}`, query: '?transport=polling', viewport: PHONE });

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

  await check('a room with messages that were not seen has a badge, until it is entered', async () => {
    assert.equal(await ann.count('unread'), 0);
    await bob.enter(room);
    await bob.say(`first unseen ${mark}`);
    await bob.say(`second unseen ${mark}`);
    const badge = ann.room(room).getByTestId('unread');
    await badge.filter({ hasText: '2 unread' }).waitFor();
    assert.equal(await bob.count('unread'), 0);
    await ann.picture('chat-unread.png');
    await ann.room(room).click();
    await ann.read(bob.name, `second unseen ${mark}`);
    assert.equal(await ann.count('unread'), 0);
  });
  await check('the number of people in a room is said, and is no badge', async () => {
    const count = ann.room(room).locator('.room-members');
    assert.equal((await count.textContent()).trim(), '2 people');
    assert.equal(await count.evaluate((element) => getComputedStyle(element).backgroundColor), 'rgba(0, 0, 0, 0)');
    assert.equal(await count.locator('svg').count(), 1);
  });
  await check('a room has an address, and going back goes back', async () => {
    assert.equal(ann.address(), `#${room}`);
    await ann.room('lobby').click();
    await ann.read(bob.name, `hello from Bob ${mark}`);
    assert.equal(ann.address(), '#lobby');
    await ann.page.goBack();
    await ann.read(bob.name, `second unseen ${mark}`);
    assert.equal(ann.address(), `#${room}`);
    await ann.page.goForward();
    await ann.read(bob.name, `hello from Bob ${mark}`);
    await ann.page.goBack();
    await ann.read(bob.name, `second unseen ${mark}`);
  });
  await check('a reload returns to the name and the room, with own messages as own', async () => {
    await bob.say(`before the reload ${mark}`);
    await bob.page.reload();
    await bob.shows('state', 'connected');
    const own = bob.page.locator('.message-own', { hasText: `before the reload ${mark}` });
    await own.waitFor();
    await bob.listed('user', bob.name);
    assert.equal(bob.address(), `#${room}`);
    assert.equal(await bob.count('name-input'), 0);
  });
  const odd = `tea & cake ü ${mark}`;
  const dan = await open({ name: `Dan-${mark}`, query: `#${encodeURIComponent(odd)}` });
  await check('a link opens its room', async () => {
    await dan.page.getByText(`join #${odd}`).waitFor();
    await dan.join();
    await dan.room(odd).waitFor();
    assert.equal(dan.address(), `#${odd}`);
  });
  await check('a fragment that names no room complains and stays', async () => {
    await dan.page.evaluate(() => (location.hash = 'x'.repeat(40)));
    await dan.page.getByText('a room name has 1 to 32 characters').waitFor();
    assert.equal(dan.address(), `#${odd}`);
  });
  await check('addresses in messages are links, and nothing else is', async () => {
    await dan.say(
      'see https://example.com/a_(b)?q=1&r=%20#x, (http://example.org/x). javascript:alert(1) <a href="x"> ' +
        'HTTPS://EXAMPLE.NET! https:// http://[ data:text/html,x',
    );
    const message = dan.hook('message-text').last();
    await message.filter({ hasText: 'data:text/html,x' }).waitFor();
    const links = await message.locator('a').evaluateAll((found) => found.map((a) => [a.getAttribute('href'), a.textContent, a.rel, a.target]));
    const rel = 'noopener noreferrer nofollow';
    const expected = ['https://example.com/a_(b)?q=1&r=%20#x', 'http://example.org/x', 'HTTPS://EXAMPLE.NET'];
    assert.deepEqual(links, expected.map((address) => [address, address, rel, '_blank']));
    assert.match(await message.textContent(), /^see https:.*#x, \(http.*<a href="x"> HTTPS.*data:text\/html,x$/);
    await dan.picture('chat-links.png');
  });

  const graces = [
    await open({ name: `Grace-${mark}`, query: `#${room}` }),
    await open({ name: `Grace-${mark}`, query: `#${room}`, viewport: PHONE, colorScheme: 'dark' }),
  ];
  await check('of two people of one name, each is "you" to herself alone', async () => {
    for (const grace of graces) await grace.join();
    for (const [n, grace] of graces.entries()) await grace.say(`Grace ${n} says ${mark}`);
    for (const [n, grace] of graces.entries()) {
      for (const [m, own] of [[n, 1], [1 - n, 0]]) {
        await grace.read(grace.name, `Grace ${m} says ${mark}`);
        const message = grace.page.locator('.message-own', { hasText: `Grace ${m} says ${mark}` });
        assert.equal(await message.count(), own, `message ${m} in tab ${n}`);
      }
      await grace.listedMore('user', grace.name, n === 0 ? 1 : -1);
      assert.equal(await grace.hook('user').filter({ has: grace.hook('me') }).count(), 1);
    }
    // To others they are two people: the second does not go on where the first ended.
    await bob.read(graces[1].name, `Grace 1 says ${mark}`);
    assert.equal(await bob.page.locator('.message-next', { hasText: `Grace 1 says ${mark}` }).count(), 0);
  });
  await check('on a phone "you" stays in one line, and long names beside it do not', async () => {
    const long = await open({ name: `Wilhelmina-Ma-${mark}`, query: `#${room}`, viewport: PHONE });
    await long.join();
    await long.unfold();
    const lines = (element) => element.getClientRects().length;
    assert.equal(await long.hook('me').evaluate(lines), 1);
    const { height } = await long.hook('me').boundingBox();
    assert.ok(height < 30, `${height} px`);
    await long.picture('chat-drawer-phone.png');
    await long.close();
    await graces[1].picture('chat-phone-dark.png');
  });
  await check('a title begins where the messages do', async () => {
    for (const width of [1600, 1280, 900, PHONE.width]) {
      await bob.page.setViewportSize({ ...DESKTOP, width });
      const column = await bob.box('.messages');
      // On a phone the title stands beside the button for the rooms.
      for (const selector of width === PHONE.width ? ['.composer'] : ['.where-room', '.composer']) {
        const { x } = await bob.box(selector);
        assert.ok(Math.abs(x - column.x) <= 1, `${selector} at ${width}: ${x}, ${column.x}`);
      }
    }
    await bob.page.setViewportSize(DESKTOP);
    await bob.page.emulateMedia({ colorScheme: 'dark' });
    await bob.picture('chat-desktop-dark.png');
  });
  await check('who changes the name is asked for it again, also after a reload', async () => {
    await dan.hook('leave').click();
    await dan.hook('name-input').waitFor();
    await dan.page.reload();
    await dan.hook('name-input').waitFor();
    await dan.picture('chat-login.png');
    dan.name = `Eve-${mark}`;
    await dan.join();
  });
  await check('others go back to the first room', async () => {
    for (const tab of [ann, bob]) {
      await tab.room('lobby').click();
      await tab.listed('user', cat.name);
    }
    for (const tab of [...graces, dan]) await tab.close();
  });

  await check('a connection that breaks is recovered, with what was said meanwhile', async () => {
    await bob.page.evaluate(() => globalThis.webSockets.forEach((ws) => ws.close()));
    await bob.shows('state', 'disconnected');
    await ann.say(`while Bob was away ${mark}`);
    await bob.shows('state', 'connected');
    await bob.read(ann.name, `while Bob was away ${mark}`);
    assert.equal(await bob.count('message', `while Bob was away ${mark}`), 1);
    assert.equal(await bob.page.locator('#link').getAttribute('data-recovered'), 'true');
    await bob.listed('user', bob.name);
    await bob.say(`Bob is back ${mark}`);
    await ann.read(bob.name, `Bob is back ${mark}`);
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
