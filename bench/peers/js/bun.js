// socket.io on its engine for Bun and Bun's HTTP server.
import { Server as Engine } from "@socket.io/bun-engine";
import { Server } from "socket.io";
import { handle, options } from "./serve.js";

const io = new Server();
const engine = new Engine({ path: "/socket.io/", ...options });
io.bind(engine);
handle(io);

const port = Number(process.argv[2] ?? 0);
const server = Bun.serve({ hostname: "127.0.0.1", port, ...engine.handler() });
console.log(`listening on http://127.0.0.1:${server.port}`);
