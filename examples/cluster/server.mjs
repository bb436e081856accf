// A server of the chat in JavaScript: npm socket.io with the events of examples/src/chat.rs, and those that the servers of a
// cluster tell each other by, which examples/src/chat/others.rs explains.

import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { io as connect } from "socket.io-client";

const text = { type: "string" };
const { values: flags } = parseArgs({ options: { port: text, redis: text, node: text } });
const server = flags.node;

async function connection() {
  const client = createClient({ socket: { path: flags.redis } });
  client.on("error", (error) => console.error(error.message));
  await client.connect();
  return client;
}

const http = createServer();
const io = new Server(http, { adapter: createAdapter(await connection(), await connection()) });
// A load balancer reads from the id of a session which server has it.
io.engine.generateId = () => `${server}.${randomBytes(15).toString("base64url")}`;
const activity = io.of("/activity");
const servers = io.of("/servers");

/** Members by server, and the beats of this one since the other told them. */
const others = new Map();
const histories = new Map();

const here = () => [...io.sockets.sockets.values()].filter(({ data }) => data.room).map(({ data: { name, room } }) => ({ name, room }));
const everybody = () => [...here(), ...[...others.values()].flatMap(({ members }) => members)];
const users = (room) => everybody().filter((member) => member.room === room).map(({ name }) => name).sort();

function rooms() {
  const counts = new Map();
  for (const { room } of everybody()) counts.set(room, (counts.get(room) ?? 0) + 1);
  return [...counts].sort(([one], [other]) => (one < other ? -1 : 1)).map(([name, members]) => ({ name, members }));
}

function tellMembers(room) {
  io.local.to(room).emit("users", users(room));
  io.local.emit("rooms", rooms());
  if (users(room).length === 0) histories.delete(room);
}

const tellOthers = () => servers.emit("members", { server, members: here() });
const notice = (words) => ({ text: words, time: Date.now() });

function remember(room, said) {
  histories.set(room, [...(histories.get(room) ?? []), said].slice(-50));
}

/** The text without space around it, when its length is allowed. */
function trimmed(value, most) {
  const found = typeof value === "string" ? value.trim() : "";
  return found !== "" && [...found].length <= most ? found : null;
}

const refused = (error) => ({ ok: false, error });

io.on("connection", (socket) => {
  const { id, data } = socket;
  const on = (event, handler) =>
    socket.on(event, (value, ack) => handler(value, typeof ack === "function" ? ack : () => {}));

  on("login", (value, ack) => {
    const name = trimmed(value, 24);
    if (name === null) return ack(refused("a name has 1 to 24 characters"));
    data.name = name;
    ack({ ok: true, id, name, server });
  });

  on("enter", (value, ack) => {
    const room = trimmed(value, 32);
    if (room === null) return ack(refused("a room name has 1 to 32 characters"));
    if (data.name === undefined) return ack(refused("log in before you enter a room"));
    if (io.sockets.sockets.has(room)) return ack(refused("this room is somebody's own"));
    const before = data.room;
    data.room = room;
    socket.join(room);
    ack({ room, users: users(room), rooms: rooms(), history: histories.get(room) ?? [] });
    if (before !== undefined && before !== room) {
      socket.leave(before);
      left(before);
    }
    socket.to(room).emit("notice", notice(`${data.name} joined`));
    tellMembers(room);
    tellOthers();
  });

  on("say", (value, ack) => {
    const words = trimmed(value, 4000);
    if (words === null) return ack(refused("a message has 1 to 4000 characters"));
    const { name, room } = data;
    if (room === undefined) return ack(refused("enter a room before you talk"));
    const said = { author: name, id, text: words, time: Date.now() };
    remember(room, said);
    socket.to(room).emit("message", said);
    activity.emit("said", room);
    servers.emit("said", { server, room, said });
    ack({ ok: true, time: said.time });
  });

  on("typing", (typing) => {
    if (data.room !== undefined) socket.to(data.room).volatile.emit("typing", { name: data.name, typing: typing === true });
  });

  socket.on("disconnect", () => {
    if (data.room !== undefined) left(data.room);
  });

  function left(room) {
    io.to(room).emit("notice", notice(`${data.name} left`));
    tellMembers(room);
    tellOthers();
  }
});

/** Listens to the other servers, as a client of this one. */
function listen(url) {
  const listener = connect(`${url}/servers`);
  listener.on("members", ({ server: other, members }) => {
    if (other === server) return;
    const before = others.get(other)?.members ?? [];
    others.set(other, { members, beats: 0 });
    if (JSON.stringify(before) === JSON.stringify(members)) return;
    for (const room of new Set([...before, ...members].map((member) => member.room))) tellMembers(room);
  });
  listener.on("said", ({ server: other, room, said }) => {
    if (other !== server) remember(room, said);
  });
}

function beat() {
  tellOthers();
  for (const [other, told] of others) {
    told.beats += 1;
    if (told.beats <= 4) continue;
    others.delete(other);
    for (const { name, room } of told.members) {
      io.local.to(room).emit("notice", notice(`${name} left`));
      tellMembers(room);
    }
  }
}

http.listen(Number(flags.port), "127.0.0.1", () => {
  const url = `http://127.0.0.1:${http.address().port}`;
  listen(url);
  setInterval(beat, 1000);
  console.log(`listening on ${url}`);
});
