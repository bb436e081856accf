// The measured part of the contract server, for every engine of socket.io.
import { createServer } from "node:http";
import { Server } from "socket.io";

// What is not the default everywhere.
export const options = { pingInterval: 25000, pingTimeout: 20000 };

// Answers the events of the load.
export function handle(io) {
  io.on("connection", (socket) => {
    socket.on("message", (...args) => socket.emit("message-back", ...args));
    socket.on("message-with-ack", (...args) => args.pop()(...args));
    socket.on("burst", (count) => {
      for (let i = 0; i < count; i++) socket.emit("seq", i);
    });
    socket.on("join", (room, ack) => {
      socket.join(room);
      ack([room]);
    });
    socket.on("room-emit", (room, ...args) => io.to(room).emit("room-msg", ...args));
    socket.emit("auth", socket.handshake.auth);
  });
}

// Serves on Node's HTTP server, with an engine by its settings.
export function serve(engine) {
  const http = createServer();
  const off = { httpCompression: false, perMessageDeflate: false, serveClient: false };
  handle(new Server(http, { ...options, ...off, ...engine }));
  const port = Number(process.argv[2] ?? 0);
  http.listen(port, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${http.address().port}`));
}
