// The load: plain sockets with keep-alive, one request at a time on each, and nothing between slices, so that many short
// slices of several servers can be interleaved. Lighter than a general client: the client must not be what is measured.
import { connect, type Socket } from "node:net";

/** A request as it goes over the wire, with the status that its answer must have. */
export interface Shot {
  readonly bytes: Buffer;
  readonly status: number | undefined;
}

/** A request without body. */
export function shot(path: string, headers: Readonly<Record<string, string>> = {}, status = 200): Shot {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return { bytes: Buffer.from(`GET ${path} HTTP/1.1\r\nhost: localhost:3000\r\n${lines.join("")}\r\n`), status };
}

/** A request with a JSON body; `status` undefined takes any. */
export function post(path: string, body: unknown, status: number | undefined = 200): Shot {
  const text = JSON.stringify(body);
  const head = `POST ${path} HTTP/1.1\r\nhost: localhost:3000\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n`;
  return { bytes: Buffer.from(head + text), status };
}

/** One answer of `repeat`. */
export interface Answer {
  readonly status: number;
  readonly milliseconds: number;
}

const headEnd = Buffer.from("\r\n\r\n");

class Connection {
  readonly #socket: Socket;
  #rest: Buffer = Buffer.alloc(0);
  #answered: ((status: number) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;
  #closed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => this.#take(chunk));
    socket.on("error", (error) => this.#failed?.(error));
    socket.on("close", () => {
      this.#closed = true;
      this.#failed?.(new Error("the server closed the connection"));
    });
  }

  /** Sends one request; `answered` is called with the status once all of the answer is there. */
  send(bytes: Buffer, answered: (status: number) => void, failed: (error: Error) => void): void {
    if (this.#closed) {
      failed(new Error("the server closed the connection between two slices"));
      return;
    }
    this.#answered = answered;
    this.#failed = failed;
    this.#socket.write(bytes);
  }

  #take(chunk: Buffer): void {
    const all = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const end = all.indexOf(headEnd);
    const head = end < 0 ? "" : all.toString("latin1", 0, end);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (end < 0 || all.length < end + 4 + length) {
      this.#rest = all;
      return;
    }
    this.#rest = Buffer.alloc(0);
    this.#answered?.(Number(head.slice(9, 12)));
  }

  close(): void {
    this.#failed = undefined;
    this.#socket.destroy();
  }
}

/** Keep-alive connections to one server. */
export class Load {
  readonly #connections: readonly Connection[];

  private constructor(connections: readonly Connection[]) {
    this.#connections = connections;
  }

  static async open(port: number, connections: number): Promise<Load> {
    const open = Array.from({ length: connections }, async () => {
      const socket = connect(port, "127.0.0.1");
      socket.setNoDelay();
      await new Promise<void>((resolve, reject) => {
        socket.once("connect", resolve);
        socket.once("error", reject);
      });
      return new Connection(socket);
    });
    return new Load(await Promise.all(open));
  }

  /** So many requests over all connections, `shots` in turn. Rejects when an answer has another status. Milliseconds. */
  run(shots: readonly Shot[], count: number): Promise<number> {
    const start = performance.now();
    let sent = 0;
    let done = 0;
    return new Promise((resolve, reject) => {
      const next = (connection: Connection): void => {
        if (sent === count) return;
        const { bytes, status } = shots[sent % shots.length] as Shot;
        sent += 1;
        connection.send(
          bytes,
          (seen) => {
            if (status !== undefined && seen !== status) {
              reject(new Error(`${bytes.toString("latin1", 0, 60)}…: status ${seen}, not ${status}`));
              return;
            }
            done += 1;
            if (done === count) resolve(performance.now() - start);
            else next(connection);
          },
          reject,
        );
      };
      for (const connection of this.#connections) next(connection);
    });
  }

  /** Sends the shot on each connection again and again until `until` says so; returns the statuses, with each answer's time. */
  repeat(one: Shot, until: () => boolean): Promise<readonly Answer[]> {
    const answers: Answer[] = [];
    const again = (connection: Connection, done: () => void, failed: (error: Error) => void): void => {
      const start = performance.now();
      connection.send(
        one.bytes,
        (status) => {
          answers.push({ status, milliseconds: performance.now() - start });
          if (until()) done();
          else again(connection, done, failed);
        },
        failed,
      );
    };
    const all = this.#connections.map(
      (connection) => new Promise<void>((done, failed) => again(connection, done, failed)),
    );
    return Promise.all(all).then(() => answers);
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }
}
