// Connects a page of the examples with the official Socket.IO client.

const LOCAL = { src: "/socket.io.js" };
const CDN = {
  src: "https://cdn.socket.io/4.8.3/socket.io.min.js",
  integrity: "sha384-kzavj5fiMwLKzzD1f8S7TeoVIEi7uKHvbTA3ueZkrzYq75pNQUiUi6Dy98Q3fxb0",
  crossOrigin: "anonymous",
};

/** The `io` function of the client: from this server, else from the public CDN. */
export const io = await load(LOCAL).catch(() => load(CDN)).then(() => window.io);

function load(attributes) {
  return new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), attributes);
    script.onload = resolve;
    script.onerror = () => reject(new Error(`cannot load ${attributes.src}`));
    document.head.append(script);
  });
}

export const $ = (id) => document.getElementById(id);

/** Adds a line to a list, newest first, and returns it. */
export function line(list, text) {
  const item = document.createElement("li");
  item.textContent = text;
  $(list).prepend(item);
  return item;
}

/** Shows what becomes of a connection in the element `state`. */
export function watch(socket) {
  const show = (text) => ($("state").textContent = text);
  show("connecting");
  socket.on("connect", () => show(`connected as ${socket.id}`));
  socket.on("disconnect", (reason) => show(`disconnected: ${reason}`));
  socket.on("connect_error", ({ message, data }) => show(`refused: ${data?.reason ?? message}`));
  return socket;
}
