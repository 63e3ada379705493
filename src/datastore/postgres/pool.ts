import type { Pool, PoolClient } from "pg";

/** What Kysely needs of a pool. */
export interface DiscardingPool {
  connect(): Promise<PoolClient>;
  end(): Promise<void>;
  readonly options: object;
}

/**
 * The pool, with connections that the server has ended thrown away at once. The driver learns of that end in two steps: the
 * query fails, and some time later the socket closes; a connection that went back to the pool in between would fail the
 * next query as well.
 */
export function discarding(pool: Pool): DiscardingPool {
  const broken = new WeakSet<PoolClient>();
  pool.on("connect", (client) => {
    // While it is in use nobody else listens, and an error event without a listener would end the process.
    client.on("error", () => {
      broken.add(client);
    });
    const query = client.query.bind(client) as (...args: readonly unknown[]) => unknown;
    const watched = (...args: readonly unknown[]): unknown => {
      // What follows on a connection that is given up (a rollback, above all) would only wait for the same silence again.
      if (broken.has(client) && typeof args.at(-1) !== "function") {
        return Promise.reject(new Error("the connection to PostgreSQL was given up"));
      }
      const result = query(...args);
      if (result instanceof Promise) {
        result.catch((error: unknown) => {
          if (endsConnection(error)) broken.add(client);
        });
      }
      return result;
    };
    client.query = watched as typeof client.query;
  });
  return {
    options: pool.options,
    end: () => pool.end(),
    async connect() {
      const client = await pool.connect();
      const { release } = client;
      client.release = (error) => release(error || broken.has(client));
      return client;
    },
  };
}

/**
 * Whether the connection is of no use after that error: one of the driver, which has no SQLSTATE, or of the classes
 * connection exception (08) and operator intervention (57P), or a session or transaction that ran out of time.
 */
function endsConnection(error: unknown): boolean {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code !== "string" || !/^[0-9A-Z]{5}$/.test(code) || /^(?:08|57P|25P0[34])/.test(code);
}
