/** What bodies the endpoints take: 16 KiB of the account system's, what an application's routes declare. */
import { column } from "portcullis";
import { passwords, registration } from "portcullis/features";
import type { ClientAnswer } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { administered, signedIn, submit } from "./administration-system.ts";
import { goodPassword, type Overrides, origin, start } from "./authn-system.ts";
import { startManagement } from "./management-system.ts";

const kib = 1024;
const boundary = "XX";
const types = {
  json: (value: string) => ({
    type: "application/json",
    body: JSON.stringify({ email: "nobody@acme.example", password: "x", more: value }),
  }),
  form: (value: string) => ({
    type: "application/x-www-form-urlencoded",
    body: `email=nobody%40acme.example&password=x&more=${value}`,
  }),
  multipart: (value: string) => ({
    type: `multipart/form-data; boundary=${boundary}`,
    body: `${["email", "password"].map((name) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\nx\r\n`).join("")}--${boundary}\r\nContent-Disposition: form-data; name="more"\r\n\r\n${value}\r\n--${boundary}--\r\n`,
  }),
} as const;

async function post(
  app: { fetch(request: Request): Response | Promise<Response> },
  path: string,
  { type, body }: { type: string; body: string },
): Promise<Response> {
  return app.fetch(
    new Request(`${origin}${path}`, {
      method: "POST",
      headers: { "content-type": type, accept: "application/json", origin },
      body,
    }),
  );
}

describe.each(Object.entries(types))("an account endpoint's body as %s", (_name, make) => {
  it("may have 16 KiB and no more", async () => {
    const { app } = await start();
    const room = 16 * kib - make("").body.length;
    expect((await post(app, "/login", make("x".repeat(room)))).status).toBe(400);
    const refused = await post(app, "/login", make("x".repeat(room + 1)));
    expect([refused.status, refused.headers.get("connection")]).toEqual([413, "close"]);
    // Whatever an application takes itself.
    const wide = await start({ body: { bytes: 5_000_000, multipartBytes: 50_000_000 } });
    expect((await post(wide.app, "/login", make("x".repeat(room + 1)))).status).toBe(413);
  });

  it("may have what the option says", async () => {
    const { app } = await start({ body: { accountBytes: 40 * kib } });
    expect((await post(app, "/login", make("x".repeat(30 * kib)))).status).toBe(400);
    expect((await post(app, "/login", make("x".repeat(41 * kib)))).status).toBe(413);
    const narrow = await start({ body: { bytes: 500, multipartBytes: 500 } });
    expect((await post(narrow.app, "/login", make("x".repeat(600)))).status).toBe(413);
  });
});

describe("an endpoint that needs more", () => {
  it("is the registration with long fields of the application's own", async () => {
    const overrides: Overrides = {
      columns: { about: column.text({ nullable: true }) },
      features: [
        passwords(),
        registration({ fields: { about: { label: "About you", maxLength: 20_000, required: false } } }),
      ],
    };
    const { app } = await start(overrides);
    const form = (units: number) => ({
      type: "application/x-www-form-urlencoded",
      body: new URLSearchParams({ email: "x", password: goodPassword, about: "語".repeat(units) }).toString(),
    });
    expect((await post(app, "/register", form(20_000))).status).toBe(400);
    expect((await post(app, "/register", form(25_000))).status).toBe(413);
    expect((await post(app, "/login", form(2_000))).status).toBe(413);
  });

  it.each([2, 40])("counts from what the option says is usual: %i KiB", async (usual) => {
    const { app } = await start({
      columns: { about: column.text({ nullable: true }) },
      features: [
        passwords(),
        registration({ fields: { about: { label: "About you", maxLength: 3_000, required: false } } }),
      ],
      body: { accountBytes: usual * kib },
    });
    const form = (bytes: number) => ({ type: "application/x-www-form-urlencoded", body: `about=${"x".repeat(bytes)}` });
    const most = usual * kib + 9 * 3_000 - "about=".length;
    expect((await post(app, "/register", form(most))).status).toBe(400);
    expect((await post(app, "/register", form(most + 1))).status).toBe(413);
  });

  const long = "語".repeat(3_900);

  it("is an administrator's form with long columns", async () => {
    const system = await administered({}, { columns: { about: column.text({ nullable: true }) } } as Overrides);
    const ada = await signedIn(system, "ada");
    const made = await submit(ada, "/admin/users/new", { email: "new@acme.example", about: long });
    expect(made.status).toBeLessThan(400);
    expect(await system.security.users.find("email", "new@acme.example")).toMatchObject({ about: long });
    const far = await submit(ada, "/admin/users/new", { email: "far@acme.example", about: long.repeat(4) });
    expect(far.status).toBe(413);
  });

  it("is where programs set a profile, but not their sign-in", async () => {
    const management = await startManagement({ management: { profile: { company: true, age: true } } });
    const ada = await management.program("ada");
    const spaces = " ".repeat(60_000);
    const send = (path: string): Promise<ClientAnswer> =>
      management.client().post(path, {
        body: `{${spaces}"email":"new@acme.example"}`,
        headers: { "content-type": "application/json", "authentication-token": ada.token, accept: "application/json" },
      });
    expect((await send("/api/user/users")).status).toBe(201);
    expect((await send("/login")).status).toBe(413);
  });
});

describe("a route of the application", () => {
  async function routes(body?: object) {
    const { security } = await start();
    const app = security.app();
    const params = z.object({
      text: z.string().optional(),
      list: z.array(z.int()).optional(),
      nested: z.object({ list: z.array(z.unknown()) }).optional(),
    });
    app.post("/own", { authz: "OPEN", params, ...(body === undefined ? {} : { body }) }, (c, { text, list }) =>
      c.json({ length: text?.length ?? list?.length }),
    );
    const send = (value: object) => post(app, "/own", { type: "application/json", body: JSON.stringify(value) });
    const form = (value: unknown) =>
      post(app, "/own", {
        type: "application/x-www-form-urlencoded",
        body: new URLSearchParams({ nested: JSON.stringify({ list: value }) }).toString(),
      });
    return { send, form };
  }

  it("takes what the option says, unless it declares its own", async () => {
    const plain = await routes();
    expect(await (await plain.send({ text: "x".repeat(500_000) })).json()).toEqual({ length: 500_000 });
    expect((await plain.send({ text: "x".repeat(1_100_000) })).status).toBe(413);
    expect((await plain.send({ list: Array(20_000).fill(1) })).status).toBe(413);
    const own = await routes({ bytes: 2_000_000, members: 50_000 });
    expect(await (await own.send({ text: "x".repeat(1_100_000) })).json()).toEqual({ length: 1_100_000 });
    expect(await (await own.send({ list: Array(20_000).fill(1) })).json()).toEqual({ length: 20_000 });
    const small = await routes({ bytes: 100 });
    expect((await small.send({ text: "x".repeat(100) })).status).toBe(413);
  });

  it("bounds JSON in a text parameter by the same depth and members", async () => {
    const sent = async (body: Parameters<typeof routes>[0], value: unknown) => {
      const { form } = await routes(body);
      return (await form(value)).status;
    };
    const many = Array(20_000).fill(1);
    const deep = [[[[1]]]];
    expect([await sent(undefined, many), await sent(undefined, deep)]).toEqual([400, 200]);
    expect(await sent({ members: 50_000 }, many)).toBe(200);
    expect([await sent({ members: 3 }, [1, 2]), await sent({ members: 3 }, [1, 2, 3])]).toEqual([200, 400]);
    expect([await sent({ depth: 5 }, deep), await sent({ depth: 4 }, deep)]).toEqual([200, 400]);
  });

  it.each([
    [{ byte: 1 }, /body: unknown option "byte"/],
    [{ bytes: 0 }, /body: bytes: a whole number/],
    [{ depth: "2" }, /body: depth: a whole number/],
    [[], /body: an object is expected/],
  ])("refuses to start with %j", async (body, message) => {
    await expect(routes(body)).rejects.toThrow(message);
  });
});
