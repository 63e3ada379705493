import { type Servable, serve } from "portcullis/node";
import { type SqlProvider, sqlite } from "portcullis/sqlite";

/** The `createApp` of an example. */
type CreateApp = (options: { readonly origin: string; readonly database: SqlProvider }) => Promise<{
  readonly app: Servable;
  readonly security: { close(): Promise<void> };
}>;

/** An example that is being served. */
export interface RunningExample {
  /** Without a slash at its end. */
  readonly url: string;
  close(): Promise<void>;
}

/** Serves an example on a free port, on a database that ends with it unless another one is given. */
export async function startExample(
  createApp: CreateApp,
  database: SqlProvider = sqlite(":memory:"),
): Promise<RunningExample> {
  // The application must know its origin, so the port is taken before there is an application.
  let app: Servable | undefined;
  const server = await serve(
    { fetch: (request, ...rest) => app?.fetch(request, ...rest) ?? new Response(null, { status: 503 }) },
    { port: 0 },
  );
  const example = await createApp({ origin: server.url, database });
  app = example.app;
  return {
    url: server.url,
    async close() {
      server.server.closeAllConnections();
      await server.close();
      await example.security.close();
    },
  };
}
