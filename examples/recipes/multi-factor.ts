/**
 * Several factors by realms: each step gives a token that only the next step takes.
 *
 *     curl -u ann:annpass -X POST http://localhost:3000/login          # a token for the realm "code"; the code is sent
 *     curl -H "Authorization: Bearer $FIRST" -d code=123456 http://localhost:3000/code    # the token proper
 *     curl -H "Authorization: Bearer $TOKEN" http://localhost:3000/account
 */
import { createHash, randomInt, timingSafeEqual } from "node:crypto";
import { portcullis } from "portcullis";
import { z } from "zod";
import { quickHashing, type Recipe, type RecipeOptions, secretKeys } from "./recipe.ts";

interface Challenge {
  readonly hash: Buffer;
  readonly until: number;
  tries: number;
}

const life = 5 * 60_000;
const hashOf = (code: string): Buffer => createHash("sha256").update(code).digest();

export async function createApp(
  { origin }: RecipeOptions,
  // Your SMS gateway, say.
  send: (login: string, code: string) => void = (login, code) => console.log(`the code for ${login}: ${code}`),
): Promise<Recipe> {
  const users = new Map<string, string>();
  const challenges = new Map<string, Challenge>();
  const security = await portcullis({
    secretKeys,
    origins: [origin],
    passwords: { hashing: quickHashing },
    getUserPass: (login) => users.get(login),
    tokens: { carriers: ["bearer"], life: "15m" },
  });
  users.set("ann", await security.hashPassword("annpass"));
  users.set("bob", await security.hashPassword("bobpass"));

  const app = security.app();

  // First step: the password. Its token opens nothing but the next step.
  app.post("/login", { authz: "AUTH", authn: ["basic"] }, async (c) => {
    const login = c.var.user.username ?? "";
    const running = challenges.get(login);
    // A new code for each request would give new guesses to whoever has the password.
    if (running === undefined || running.until < Date.now()) {
      const code = String(randomInt(1_000_000)).padStart(6, "0");
      challenges.set(login, { hash: hashOf(code), until: Date.now() + life, tries: 5 });
      send(login, code);
    }
    return c.json({ token: await security.createToken(c.var.user, { realm: "code", life: "5m" }) });
  });

  // Second step: the code.
  const params = z.object({ code: z.string().regex(/^\d{6}$/) });
  app.post("/code", { authz: "AUTH", authn: ["token"], realm: "code", params }, async (c, { code }) => {
    const login = c.var.user.username ?? "";
    const challenge = challenges.get(login);
    if (challenge === undefined || challenge.until < Date.now() || challenge.tries === 0) return c.json({}, 403);
    // Taken before the code is looked at: requests at once are not more guesses.
    challenge.tries -= 1;
    if (!timingSafeEqual(challenge.hash, hashOf(code))) return c.json({}, 403);
    challenges.delete(login);
    return c.json({ token: await security.createToken(c.var.user) });
  });

  app.get("/account", { authz: "AUTH", authn: ["token"] }, (c) => c.json({ account: c.var.user.username }));
  return { app, security };
}
