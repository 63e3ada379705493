// What the servers of the benchmark have in common: the answer, the settings, and how they talk to their parent.

/** What every handler answers. */
export const answer: { readonly hello: string; readonly at: number } = { hello: "world", at: 1 };

/** What a server is started with. */
export interface Settings {
  readonly database: string;
  /** Entries of the caches; 0: each request reads the row. */
  readonly cached: number;
  /** Further routes. */
  readonly routes: number;
  /** Auth tokens are JWTs, by HS256. */
  readonly jwt: boolean;
  /** Decisions on objects are shared by this Redis; "": they are kept in the process. */
  readonly redis: string;
  /** `passwords.hashing.niceness`; undefined: its default. */
  readonly niceness: number | undefined;
  /** A route with three parameters, by zod. */
  readonly typed: boolean;
}

/** The settings among a program's arguments. */
export function settingsOf(argv: readonly string[]): Settings {
  const given = JSON.parse(argv[2] ?? "{}") as Partial<Settings>;
  return {
    database: ":memory:",
    cached: 10_000,
    routes: 0,
    niceness: undefined,
    jwt: false,
    redis: "",
    typed: false,
    ...given,
  };
}

/** CPU time in microseconds and memory in bytes, of this process, and what a server has counted. */
export interface Usage {
  readonly cpu: number;
  readonly rss: number;
  readonly statements: readonly string[];
}

/** The load's connections stay open between its slices, also before their first request. */
export function keepOpen(server: object): void {
  Object.assign(server, { keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0 });
}

/** Tells the parent that the server listens, and answers its questions. */
export function report(port: number, statements: () => readonly string[] = () => []): void {
  process.on("message", (question) => {
    const { user, system } = process.cpuUsage();
    const usage: Usage = { cpu: user + system, rss: process.memoryUsage.rss(), statements: [] };
    process.send?.(question === "statements" ? { ...usage, statements: statements() } : usage);
  });
  process.once("disconnect", () => process.exit());
  process.send?.({ port });
}
