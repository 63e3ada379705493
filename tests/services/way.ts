/** A way to a server through this process, which can fail like a network. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A way to the server that can be closed, and that can keep for a while what the server says. */
export interface Way {
  readonly url: string;
  /** Milliseconds by which what the server says is late. */
  late: number;
  /** Ends all connections, and lets none begin. */
  close(): void;
  /** Carries nothing more in either direction, and tells nobody; what is opened meanwhile stays silent too. */
  silence(): void;
  /** New connections work again; those that were silenced stay so. */
  open(): void;
  end(): Promise<void>;
}

/** Opens one; `target` is a PostgreSQL URL. */
export async function wayTo(target: string): Promise<Way> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let closed = false;
  let silent = false;
  const server: Server = createServer((near) => {
    if (closed) {
      near.destroy();
      return;
    }
    const far = connect(Number(port || 5432), hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    if (silent) {
      near.pause();
      return;
    }
    near.pipe(far);
    far.on("data", (data) => {
      if (way.late === 0) near.write(data);
      else setTimeout(() => near.write(data), way.late);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(target);
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const way = {
    url: url.href,
    late: 0,
    close() {
      closed = true;
      for (const socket of sockets) socket.destroy();
    },
    silence() {
      silent = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    open() {
      closed = false;
      silent = false;
    },
    async end() {
      way.close();
      server.close();
      await once(server, "close");
    },
  };
  return way;
}
