import { createServer, type Server } from "node:http";
import { serve as serveNode } from "@hono/node-server";
import { notePeer } from "../http/connection.ts";
import { commandLine } from "../model/command-line.ts";
import { ConfigurationError } from "../model/errors.ts";

/** What can be served: an application of `security.app()`, a Hono application, anything with a web-standard `fetch`. */
export interface Servable {
  // biome-ignore lint/suspicious/noExplicitAny: Hono's fetch takes the platform's environment
  fetch(request: Request, ...rest: any[]): Response | Promise<Response>;
  accessMatrix?(): readonly unknown[];
}

/** Options of `serve`. */
export interface ServeOptions {
  /** Default: the environment's `PORT`, else 3000. 0 takes a free one. */
  readonly port?: number;
  /** Default "localhost". */
  readonly hostname?: string;
}

/** A server that is listening. */
export interface RunningServer {
  readonly port: number;
  readonly url: string;
  readonly server: Server;
  /** Takes no new connections and resolves when the last one is done. */
  close(): Promise<void>;
}

/** Serves an application on Node. Resolves once it accepts connections. */
export function serve(app: Servable, options: ServeOptions = {}): Promise<RunningServer> {
  const hostname = options.hostname ?? "localhost";
  const wanted = options.port ?? Number(process.env["PORT"] ?? 3000);
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  const command = commandLine();
  if (command !== undefined) {
    // The `portcullis` command only wants to know the application; the port may be that of the running one.
    command.served.add(app);
    command.started();
    return Promise.resolve({ port: 0, url: `http://${host}:0`, server: createServer(), close: async () => {} });
  }
  return new Promise((resolve, reject) => {
    if (!Number.isInteger(wanted) || wanted < 0 || wanted > 65_535) {
      throw new ConfigurationError(
        options.port === undefined ? "PORT" : "serve.port",
        "a number from 0 to 65535 is expected",
      );
    }
    // What contradicts itself must not get as far as the first request.
    app.accessMatrix?.();
    // Noted first: whatever stands before the guards may wait, and the client may be gone by then.
    const fetch: typeof app.fetch = (request, env) => {
      notePeer(request, env);
      return app.fetch(request, env);
    };
    const server = serveNode({ fetch, port: wanted, hostname }, ({ port }) => {
      resolve({
        port,
        url: `http://${host}:${port}`,
        server,
        close: () =>
          new Promise((done, failed) => {
            server.close((error) => (error === undefined ? done() : failed(error)));
            server.closeIdleConnections();
          }),
      });
    }) as Server;
    // Once asked for, a socket knows its address for as long as it lives, also when the client has reset it.
    server.on("connection", (socket) => socket.remoteAddress);
    server.once("error", reject);
  });
}
