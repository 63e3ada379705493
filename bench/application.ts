import { object, portcullis, type SharedCacheProvider } from "portcullis";
import { passwords } from "portcullis/features";
import { sqlite } from "portcullis/sqlite";
import { answer, type Settings } from "./handlers.ts";

/** What is asked of an application: the protected one and the bare one alike. */
export interface Application {
  fetch(request: Request, environment?: unknown): Response | Promise<Response>;
}

/** The protected application, with one user who may call it. */
export async function protectedApplication({
  database,
  cached,
  routes,
  typed,
  niceness,
  jwt,
  redis,
}: Settings): Promise<Application> {
  const security = await portcullis({
    secretKeys: ["bench-bench-bench-0123456789-abcdefghij"],
    origins: ["http://localhost:3000"],
    // As in production: what is measured has the cookies of https.
    cookies: { allowInsecure: false },
    datastore: sqlite(database),
    features: [passwords()],
    roles: ["employee"],
    sessions: { cached },
    objects: {
      item: {
        check: (user: { readonly email: string | null }, id: string) =>
          user.email === "bench@example.org" && id === "5",
        id: "text",
      },
    },
    caches: { object: { ttl: "1h" }, ...(redis === "" ? {} : { store: await sharedBy(redis) }) },
    ...(jwt ? { tokens: { type: "jwt", jwt: { algorithm: "HS256" } } } : {}),
    passwords: { hashing: niceness === undefined ? {} : { niceness } },
    // One account and one address do it all, more often than anybody may. What counts them still counts.
    limits: { signIn: { perAccount: "1000000/15m", perAddress: "1000000/15m" }, allowUnlimited: ["lockout"] },
    log: () => undefined,
  });
  if ((await security.users.find("email", "bench@example.org")) === undefined) {
    await security.users.create({ email: "bench@example.org", password: "bench password", roles: ["employee"] });
  }
  const app = security.app();
  app.get("/open", { authz: "OPEN" }, (c) => c.json(answer));
  app.get("/role", { authz: "employee" }, (c) => c.json(answer));
  app.get("/basic", { authz: "employee", authn: ["basic"] }, (c) => c.json(answer));
  app.get("/item/:id", { authz: "employee" }, (c) => c.json(answer));
  app.get("/object/:id", { authz: object("item", "id") }, (c) => c.json(answer));
  if (typed) {
    const { z } = await import("zod");
    const params = z.object({ sid: z.int(), name: z.string(), flag: z.boolean() });
    app.get("/typed", { authz: "employee", params }, (c) => c.json(answer));
  }
  for (let index = 0; index < routes; index += 1) {
    app.get(`/route/${index}`, { authz: "employee" }, (c) => c.json(answer));
  }
  return app;
}

async function sharedBy(url: string): Promise<SharedCacheProvider> {
  const { Redis } = await import("ioredis");
  const { redisCache } = await import("portcullis/redis");
  return redisCache(new Redis(url), { prefix: `bench:${process.pid}:` });
}
