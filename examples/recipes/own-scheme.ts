/**
 * A scheme of your own: requests that a partner signs with a shared key (HMAC-SHA-256 over time, method and path).
 *
 *     TIME=$(date +%s); SIG=$(printf "$TIME GET /report" | openssl dgst -sha256 -hmac "the key that both know: 7Xe15qUZn8mW" -hex | sed 's/.* //')
 *     curl -H "Authorization: Partner acme:$TIME:$SIG" http://localhost:3000/report
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { portcullis, type SchemePlan } from "portcullis";
import { type Recipe, type RecipeOptions, secretKeys } from "./recipe.ts";

const partners: Readonly<Record<string, string>> = { acme: "the key that both know: 7Xe15qUZn8mW" };
const tolerance = 60_000;

/** What a request is signed with. */
export function signature(key: string, time: string, method: string, path: string): string {
  return createHmac("sha256", key).update(`${time} ${method} ${path}`).digest("hex");
}

const partner: SchemePlan<"partner"> = {
  name: "partner",
  make: ({ users, signIn, now }) => ({
    name: "partner",
    async authenticate(rq) {
      const [, name = "", time = "", sent = ""] =
        /^Partner ([a-z]+):(\d{1,12}):([0-9a-f]{64})$/.exec(rq.header("authorization") ?? "") ?? [];
      const key = Object.hasOwn(partners, name) ? partners[name] : undefined;
      if (key === undefined || Math.abs(now() - Number(time) * 1000) > tolerance) return undefined;
      const expected = signature(key, time, rq.method, rq.path);
      if (!timingSafeEqual(Buffer.from(sent), Buffer.from(expected))) return undefined;
      // Undefined lets the next scheme try; throwing closes the request. Whoever is not active does not pass the gates.
      const account = await users.find("username", name);
      return account === undefined ? undefined : signIn.admit(rq, { account, methods: ["signature"] }, "partner");
    },
    // What a 401 says to clients of this scheme.
    challenge: (realm) => `Partner realm="${realm}"`,
  }),
};

export async function createApp({ origin }: RecipeOptions): Promise<Recipe> {
  const security = await portcullis({
    secretKeys,
    origins: [origin],
    getUserPass: (login) => (Object.hasOwn(partners, login) ? { password: null } : undefined),
    schemes: [partner],
  });

  const app = security.app();
  app.get("/report", { authz: "AUTH", authn: ["partner"] }, (c) => c.json({ for: c.var.user.username }));
  return { app, security };
}
