// Clients on socket.io-client, as bench/clients drives them: client.js URL echo|connect|idle CLIENTS IN_FLIGHT
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const [url, scenario, clients, inFlight] = process.argv.slice(2);
const TEXT = "abcdefghijklmnopqrstuvwxyz012345";
let done = 0;
let sending = true;

// Resolves when the server has greeted.
const dial = () =>
  new Promise((greeted) => {
    const socket = io(url, { forceNew: true, reconnection: false, transports: ["websocket"] });
    socket.on("auth", () => greeted(socket));
    socket.on("connect_error", fail);
    socket.on("disconnect", (reason) => reason === "io client disconnect" || fail(reason));
  });

// Keeps messages in flight; resolves when none is sent any more and all have come back, in order.
const echo = (socket) =>
  new Promise((ended) => {
    let sent = 0;
    let received = 0;
    const send = () => socket.emit("message", sent++, TEXT);
    socket.on("message-back", (n, text) => {
      if (n !== received++ || text !== TEXT) fail(`wrong reply ${n} ${text}`);
      done++;
      if (sending) send();
      else if (received === sent) ended();
    });
    for (let i = 0; i < Number(inFlight); i++) send();
  });

async function reconnect(socket) {
  socket.disconnect();
  for (done++; sending; done++) (await dial()).disconnect();
}

function fail(why) {
  console.error(`client: ${why}`);
  process.exit(1);
}

const turns = { echo, connect: reconnect, idle: async () => {} };
const all = [];
console.log("started");
for await (const _ of createInterface({ input: process.stdin })) {
  if (all.length > 0) {
    console.log(done);
    continue;
  }
  for (let i = 0; i < Number(clients); i++) all.push(await dial());
  console.log("ready");
  all.splice(0, all.length, ...all.map(turns[scenario]));
}
sending = false;
await Promise.all(all);
process.exit(0);
