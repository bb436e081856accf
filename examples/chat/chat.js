// The chat page: one Socket.IO connection, one room at a time.
//
// What travels in the namespace "/":
//   login(name) -> {ok, id, name, server?} | {ok: false, error}
//                                                        message({author, id, text, time})
//   enter(room) -> {room, users, rooms, history}         notice({text, time})
//   say(text)   -> {ok, time} | {ok: false, error}       users([name])  rooms([{name, members}])
//   typing(isTyping)                                     typing({name, typing})
// and in "/activity", on the same connection: said(room).
//
// Names are not unique: who wrote a message is told by `id`, which is that of a socket. A room has an
// address, the fragment of the page's; going to a room is going to its address.

const LOBBY = "lobby";
const ACK_TIMEOUT = 8000;
const GROUP_WITHIN = 5 * 60_000;
const MAX_LINES = 500;
const MAX_IDS = 50;
const TYPING_REPEAT = 3000;
const TYPING_IDLE = 2500;
const TYPING_EXPIRES = 7000;

const LOCAL_CLIENT = { src: "/socket.io.js" };
const CDN_CLIENT = {
  src: "https://cdn.socket.io/4.8.3/socket.io.min.js",
  integrity: "sha384-kzavj5fiMwLKzzD1f8S7TeoVIEi7uKHvbTA3ueZkrzYq75pNQUiUi6Dy98Q3fxb0",
  crossOrigin: "anonymous",
};

const $ = (id) => document.getElementById(id);
const phone = matchMedia("(max-width: 760px)");

/** What this tab is: `name` once logged in, `room` once entered, `ready` while the server knows both. */
const me = { name: null, room: null, ready: false };

/** The ids that sockets of this tab have had: a new connection has a new one. */
const mine = new Set(JSON.parse(sessionStorage.getItem("ids") ?? "[]"));

let socket = null;

// ---- start ----------------------------------------------------------------

async function start() {
  me.name = sessionStorage.getItem("name");
  $("name").value = me.name ?? "";
  if (me.name === null) showLead();
  else showChat();
  try {
    await loadScript(LOCAL_CLIENT).catch(() => loadScript(CDN_CLIENT));
  } catch {
    showLogin();
    showState("disconnected");
    $("login-error").textContent = "The Socket.IO client could not be loaded. Run npm ci in examples/chat, then reload.";
    $("join").disabled = true;
    return;
  }
  connect();
}

function loadScript(attributes) {
  return new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), attributes);
    script.onload = resolve;
    script.onerror = () => reject(new Error(`cannot load ${attributes.src}`));
    document.head.append(script);
  });
}

// ---- connection -----------------------------------------------------------

function connect() {
  const address = new URLSearchParams(location.search);
  const only = address.get("transport");
  const options = ["polling", "websocket"].includes(only) ? { transports: [only] } : {};
  // In a cluster, the server that a load balancer is to prefer.
  if (address.has("node")) options.query = { node: address.get("node") };
  socket = window.io(options);

  socket.io.on("open", watchTransport);
  socket.io.on("reconnect_attempt", () => showState("connecting"));
  socket.io.on("reconnect_error", () => showState("disconnected"));
  socket.on("connect", onConnect);
  socket.on("disconnect", onDisconnect);
  socket.on("connect_error", onConnectError);

  socket.on("message", onMessage);
  socket.on("notice", addNotice);
  socket.on("users", showUsers);
  socket.on("rooms", showRooms);
  socket.on("typing", onTyping);

  // Another namespace of the same connection.
  window.io("/activity", options).on("said", onSaid);
}

function watchTransport() {
  const engine = socket.io.engine;
  showTransport(engine.transport.name);
  engine.on("upgrade", (transport) => showTransport(transport.name));
}

async function onConnect() {
  showState("connected");
  // Whether what was missed came, where the server remembers lost connections.
  $("link").dataset.recovered = String(socket.recovered);
  if (me.name === null) return;
  try {
    await login(me.name);
    await enter(me.room ?? roomOfAddress());
    hideBanner();
  } catch (error) {
    if (socket.connected) showLogin(error.message);
  }
}

function onDisconnect(reason) {
  me.ready = false;
  showState("disconnected");
  showTransport("");
  forgetTyping();
  refreshComposer();
  if (reason === "io client disconnect") return;
  if (socket.active) showBanner("Connection lost. Trying again…");
  else showBanner("The server closed the connection.", "retry");
}

function onConnectError(error) {
  showState("disconnected");
  if (!socket.active) showBanner(`The server refused the connection: ${error.message}`, "retry");
}

/**
 * Emits and waits; a refusal of the server becomes an error with its text. `take` is given the answer at once, before
 * the events behind it are.
 */
function ask(event, argument, take = (answer) => answer) {
  return new Promise((resolve, reject) => {
    socket.timeout(ACK_TIMEOUT).emit(event, argument, (late, answer) => {
      if (late) reject(new Error(socket.connected ? "The server did not answer." : "The connection was lost."));
      else if (answer?.error) reject(new Error(answer.error));
      else resolve(take(answer));
    });
  });
}

function showState(state) {
  $("state").textContent = state;
  $("link").dataset.state = state;
}

function showTransport(name) {
  $("transport").textContent = name;
}

/** Shows which server of a cluster this tab talks to. */
function showServer(name) {
  $("server").textContent = name ?? "";
  $("server-pill").hidden = !name;
}

function showBanner(text, action) {
  $("banner-text").textContent = text;
  $("banner-button").hidden = action !== "retry";
  $("banner").hidden = false;
}

function hideBanner() {
  $("banner").hidden = true;
}

// ---- login ----------------------------------------------------------------

async function onLogin(event) {
  event.preventDefault();
  const name = $("name").value.trim();
  if (name === "") return refuseLogin("Please enter a name.");
  if (!socket?.connected) return refuseLogin("Not connected yet. Please try again in a moment.");

  $("join").disabled = true;
  $("login-error").textContent = "";
  try {
    await login(name);
    await enter(roomOfAddress());
    showChat();
  } catch (error) {
    me.name = null;
    refuseLogin(error.message);
  } finally {
    $("join").disabled = false;
  }
}

async function login(name) {
  const answer = await ask("login", name);
  me.name = answer.name;
  showServer(answer.server);
  mine.add(answer.id);
  sessionStorage.setItem("name", me.name);
  sessionStorage.setItem("ids", JSON.stringify([...mine].slice(-MAX_IDS)));
}

function refuseLogin(text) {
  $("login-error").textContent = text;
  $("name").focus();
}

function showLogin(error = "") {
  Object.assign(me, { name: null, room: null, ready: false });
  unreadIn.clear();
  document.body.dataset.view = "login";
  document.title = "Sansocket chat";
  $("chat").hidden = true;
  $("login").hidden = false;
  hideBanner();
  showLead();
  refuseLogin(error);
}

function showLead() {
  const room = roomOfAddress();
  $("lead").textContent = room === LOBBY ? "Pick a name and say hello in the lobby." : `Pick a name to join #${room}.`;
}

/** Forgets the name, and is somebody new to the server. */
function leave() {
  closeDrawer();
  stopTyping();
  sessionStorage.removeItem("name");
  showLogin();
  socket.disconnect().connect();
}

function showChat() {
  document.body.dataset.view = "chat";
  $("login").hidden = true;
  $("chat").hidden = false;
  layOut();
  refreshComposer();
  scrollDown();
  $("message").focus();
}

// ---- rooms and people -----------------------------------------------------

function enter(room) {
  stopTyping();
  return ask("enter", room, showRoom);
}

function showRoom(answer) {
  const moved = answer.room !== me.room;
  me.room = answer.room;
  me.ready = true;
  if (moved) clearMessages();
  unreadIn.delete(me.room);
  if (roomOfAddress() !== me.room) history.replaceState(null, "", addressOf(me.room));
  forgetTyping();
  $("room-name").textContent = me.room;
  document.title = `${me.room} · Sansocket chat`;
  showUsers(answer.users);
  showRooms(answer.rooms);
  for (const message of answer.history) addMessage(message, "old");
  scrollDown();
  refreshComposer();
}

/** The fragment of a room's address. */
function addressOf(room) {
  return `#${encodeURIComponent(room)}`;
}

function roomOfAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1)).trim() || LOBBY;
  } catch {
    return LOBBY;
  }
}

/** Somebody followed a link, went back, or wrote an address. */
async function onAddress() {
  if (me.name === null) return showLead();
  const room = roomOfAddress();
  closeDrawer();
  if (room !== me.room && socket?.connected) {
    try {
      await enter(room);
    } catch (error) {
      if (me.room !== null) history.replaceState(null, "", addressOf(me.room));
      return complain(error.message);
    }
  }
  complain("");
  if (!phone.matches) $("message").focus();
}

function onRoomForm(event) {
  event.preventDefault();
  const room = $("room").value.trim();
  if (room === "") return $("room").focus();
  $("room").value = "";
  closeDrawer();
  location.hash = addressOf(room);
}

function showUsers(names) {
  const sorted = [...names].sort((a, b) => a.localeCompare(b));
  // Of several people of one name, one is this tab.
  const self = sorted.indexOf(me.name);
  $("users").replaceChildren(...sorted.map((name, place) => userItem(name, place === self)));
  $("room-count").textContent = people(sorted.length);
}

function userItem(name, isMe) {
  const item = make("li", "user");
  item.dataset.testid = "user";
  const label = make("span", "user-name", name);
  label.dir = "auto";
  item.append(label);
  if (isMe) {
    const mark = make("span", "user-me", "you");
    mark.dataset.testid = "me";
    item.append(mark);
  }
  paint(item, name);
  return item;
}

/** Members of the rooms there are, and messages of theirs that were not seen. */
let members = new Map();
const unreadIn = new Map();

function onSaid(room) {
  if (me.name === null || room === me.room) return;
  unreadIn.set(room, (unreadIn.get(room) ?? 0) + 1);
  drawRooms();
}

function showRooms(rooms) {
  members = new Map(rooms.map((room) => [room.name, room.members]));
  // A room that ended took its messages along.
  for (const room of unreadIn.keys()) if (!members.has(room)) unreadIn.delete(room);
  drawRooms();
}

function drawRooms() {
  const others = new Set([LOBBY, ...members.keys(), ...(me.room === null ? [] : [me.room])]);
  const names = [...others].sort((a, b) => (b === LOBBY) - (a === LOBBY) || a.localeCompare(b));

  // Redrawing must not take the focus away from somebody walking the list with the keyboard.
  const focused = document.activeElement?.dataset?.room;
  $("rooms").replaceChildren(...names.map(roomItem));
  if (focused !== undefined) [...$("rooms").querySelectorAll("a")].find((a) => a.dataset.room === focused)?.focus();
  $("menu").classList.toggle("menu-unread", unreadIn.size > 0);
}

function roomItem(name) {
  const link = make("a", "room");
  link.href = addressOf(name);
  link.dataset.testid = "room";
  link.dataset.room = name;
  if (name === me.room) link.setAttribute("aria-current", "page");
  const label = make("span", "room-label", name);
  label.dir = "auto";
  link.append(label);
  const unread = unreadIn.get(name) ?? 0;
  if (unread > 0) {
    const badge = make("span", "room-unread", unread > 99 ? "99+" : String(unread));
    badge.dataset.testid = "unread";
    badge.append(make("span", "sr", " unread"));
    link.append(badge);
    link.classList.add("room-news");
  }
  const count = members.get(name) ?? 0;
  const there = make("span", "room-members");
  there.title = people(count);
  there.append($("person").content.cloneNode(true), String(count), make("span", "sr", count === 1 ? " person" : " people"));
  link.append(there);
  link.addEventListener("click", () => name === me.room && closeDrawer());
  const item = make("li");
  item.append(link);
  return item;
}

function people(count) {
  return count === 1 ? "1 person" : `${count} people`;
}

// ---- messages -------------------------------------------------------------

const seen = new Set();
let newest = null;
let unread = 0;

function onMessage(message) {
  setTyping(message.author, false);
  addMessage(message, "new");
}

/** Shows a message once: after a reconnect the history repeats what is already on the page. */
function addMessage(message, age) {
  const key = JSON.stringify([message.time, message.id, message.text]);
  if (age === "old" && seen.has(key)) return;
  seen.add(key);
  if (seen.size > MAX_LINES) seen.delete(seen.values().next().value);

  const own = mine.has(message.id);
  const item = make("li", own ? "message message-own" : "message");
  item.dataset.testid = "message";
  if (newest !== null && isSame(newest, message) && message.time - newest.time < GROUP_WITHIN) item.classList.add("message-next");
  newest = message;
  paint(item, message.author);

  const author = make("span", "message-author", message.author);
  author.dataset.testid = "message-author";
  author.dir = "auto";
  const text = make("p", "message-text");
  text.append(...withLinks(message.text));
  text.dataset.testid = "message-text";
  text.dir = "auto";
  const head = make("div", "message-head");
  head.append(author, timeOf(message.time));
  item.append(head, text);
  append(item, own || age === "old" ? "quiet" : "count");
}

/** Whether one person wrote both. */
function isSame(one, other) {
  return one.id === other.id || (mine.has(one.id) && mine.has(other.id));
}

/** The pieces of a text, its addresses as links; what ends a sentence is no part of an address. */
function withLinks(text) {
  const pieces = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(/\bhttps?:\/\/[^\s<>"]+/gi)) {
    let address = found.replace(/[.,;:!?'*_~]+$/, "");
    while (/[)\]}]$/.test(address) && !isClosed(address)) address = address.slice(0, -1).replace(/[.,;:!?'*_~]+$/, "");
    if (!URL.canParse(address)) continue;
    const link = make("a", "", address);
    Object.assign(link, { href: address, target: "_blank", rel: "noopener noreferrer nofollow" });
    pieces.push(text.slice(end, index), link);
    end = index + address.length;
  }
  return [...pieces, text.slice(end)];
}

/** Whether the bracket at the end was opened before, as in the addresses of some encyclopedias. */
function isClosed(address) {
  const [open, close] = { ")": "()", "]": "[]", "}": "{}" }[address.at(-1)];
  return address.split(open).length >= address.split(close).length;
}

function addNotice({ text, time }) {
  newest = null;
  const item = make("li", "notice");
  item.dataset.testid = "notice";
  const words = make("span", "notice-text", text);
  words.dir = "auto";
  item.append(words, timeOf(time));
  append(item, "quiet");
}

function append(item, mode) {
  const follow = atBottom();
  const list = $("messages");
  list.append(item);
  while (list.children.length > MAX_LINES) list.firstElementChild.remove();
  if (item.dataset.testid === "message") $("empty").hidden = true;
  if (follow) scrollDown();
  if (mode === "count" && (!follow || document.hidden)) countUnread(follow);
}

function clearMessages() {
  $("messages").replaceChildren();
  $("empty").hidden = false;
  seen.clear();
  newest = null;
  clearUnread();
}

function countUnread(follow) {
  unread += 1;
  document.title = `(${unread}) ${me.room} · Sansocket chat`;
  $("newer-text").textContent = unread === 1 ? "1 new message" : `${unread} new messages`;
  $("newer").hidden = follow;
}

function clearUnread() {
  if (unread > 0) document.title = `${me.room} · Sansocket chat`;
  unread = 0;
  $("newer").hidden = true;
}

let stuck = true;

function atBottom() {
  const box = $("scroll");
  return box.scrollHeight - box.scrollTop - box.clientHeight < 48;
}

function scrollDown() {
  const box = $("scroll");
  box.scrollTop = box.scrollHeight;
  stuck = true;
}

function onScroll() {
  stuck = atBottom();
  if (stuck && !document.hidden) clearUnread();
}

// ---- writing --------------------------------------------------------------

async function onSend(event) {
  event?.preventDefault();
  const box = $("message");
  const text = box.value.trim();
  if (text === "" || !me.ready) return;
  const room = me.room;
  box.value = "";
  stopTyping();
  complain("");
  box.focus();
  try {
    const answer = await ask("say", text);
    if (me.room !== room) return;
    addMessage({ author: me.name, id: socket.id, text, time: answer.time }, "new");
    scrollDown();
  } catch (error) {
    if (box.value === "") box.value = text;
    complain(`Not sent. ${error.message}`);
  }
}

function onMessageKey(event) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  onSend();
}

function refreshComposer() {
  $("send").disabled = !me.ready;
  $("message").placeholder = me.ready ? `Message #${me.room}` : "Waiting for the connection…";
}

function complain(text) {
  $("composer-error").textContent = text;
}

// ---- typing ---------------------------------------------------------------

let typingSince = 0;
let typingIdle = 0;
const typers = new Map();

function onMessageInput() {
  complain("");
  if (!me.ready) return;
  if ($("message").value === "") return stopTyping();
  if (Date.now() - typingSince > TYPING_REPEAT) {
    typingSince = Date.now();
    socket.emit("typing", true);
  }
  clearTimeout(typingIdle);
  typingIdle = setTimeout(stopTyping, TYPING_IDLE);
}

function stopTyping() {
  clearTimeout(typingIdle);
  if (typingSince !== 0 && me.ready) socket.emit("typing", false);
  typingSince = 0;
}

function onTyping({ name, typing }) {
  setTyping(name, typing);
}

/** A notice that is not repeated expires: whoever vanished in mid-word is not typing for ever. */
function setTyping(name, typing) {
  clearTimeout(typers.get(name));
  typers.delete(name);
  if (typing) typers.set(name, setTimeout(() => setTyping(name, false), TYPING_EXPIRES));
  showTyping();
}

function forgetTyping() {
  for (const timer of typers.values()) clearTimeout(timer);
  typers.clear();
  showTyping();
}

function showTyping() {
  const [first, second, ...more] = typers.keys();
  let text = "";
  if (more.length > 0) text = "Several people are typing…";
  else if (second !== undefined) text = `${first} and ${second} are typing…`;
  else if (first !== undefined) text = `${first} is typing…`;
  if ($("typing").textContent !== text) $("typing").textContent = text;
}

// ---- drawer (phones) ------------------------------------------------------

function toggleDrawer() {
  if (document.body.classList.contains("drawer")) return closeDrawer();
  document.body.classList.add("drawer");
  layOut();
  $("side").querySelector("a")?.focus();
}

function closeDrawer() {
  if (!document.body.classList.contains("drawer")) return;
  document.body.classList.remove("drawer");
  layOut();
  $("menu").focus();
}

function layOut() {
  const open = document.body.classList.contains("drawer");
  $("menu").setAttribute("aria-expanded", String(open));
  $("side").inert = phone.matches && !open;
  const scroll = $("scroll");
  document.documentElement.style.setProperty("--gutter", `${(scroll.offsetWidth - scroll.clientWidth) / 2}px`);
}

// ---- elements -------------------------------------------------------------

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/** Gives an element its person: colour and initial are drawn by the style sheet. */
function paint(element, name) {
  let hash = 0x811c9dc5;
  for (const letter of name) hash = Math.imul(hash ^ letter.codePointAt(0), 0x01000193) >>> 0;
  element.style.setProperty("--hue", String(Math.imul(hash ^ (hash >>> 15), 0x9e3779b1) >>> 23));
  element.dataset.initial = ([...name][0] ?? "?").toLocaleUpperCase();
}

function timeOf(millis) {
  const date = new Date(millis);
  const today = date.toDateString() === new Date().toDateString();
  const day = today ? {} : { day: "numeric", month: "short" };
  const element = make("time", "", date.toLocaleString([], { ...day, hour: "2-digit", minute: "2-digit" }));
  element.dateTime = date.toISOString();
  element.title = date.toLocaleString();
  return element;
}

// ---- wiring ---------------------------------------------------------------

$("login-form").addEventListener("submit", onLogin);
$("room-form").addEventListener("submit", onRoomForm);
$("leave").addEventListener("click", leave);
window.addEventListener("hashchange", onAddress);
$("composer").addEventListener("submit", onSend);
$("message").addEventListener("keydown", onMessageKey);
$("message").addEventListener("input", onMessageInput);
$("scroll").addEventListener("scroll", onScroll, { passive: true });
$("newer").addEventListener("click", () => {
  scrollDown();
  clearUnread();
  $("message").focus();
});
$("banner-button").addEventListener("click", () => {
  hideBanner();
  showState("connecting");
  socket.connect();
});
$("menu").addEventListener("click", toggleDrawer);
$("scrim").addEventListener("click", closeDrawer);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeDrawer();
});
document.addEventListener("visibilitychange", onScroll);
phone.addEventListener("change", () => {
  document.body.classList.remove("drawer");
  layOut();
});
// The keyboard of a phone or a growing draft shrinks the list: whoever was at its end stays there.
new ResizeObserver(() => {
  if (stuck) scrollDown();
}).observe($("scroll"));

start();
