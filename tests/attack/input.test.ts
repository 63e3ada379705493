import { randomBytes } from "node:crypto";
import type { Answer, Attempt } from "./client.ts";
import { exchange, rawPost, rawRequest } from "./raw.ts";
import { attacks, each, must, pairs, type Rig, secret } from "./suite.ts";

const sessionSet = (answer: Answer): boolean => answer.setCookies.some((cookie) => /session=[^;]/.test(cookie));
const refused = (answer: Answer): boolean => answer.status >= 400 && answer.status < 500;
const newEmail = (): string => `${randomBytes(6).toString("hex")}@input.example`;

/** The account endpoints that take fields, with values that would do. */
function forms(
  rig: Rig,
): readonly { readonly path: string; readonly fields: Readonly<Record<string, string>>; readonly signedIn: boolean }[] {
  const password = secret();
  const defaults: Readonly<Record<string, string>> = {
    email: newEmail(),
    password,
    password_confirm: password,
    username: "heron",
  };
  return rig.lab.routes
    .filter(({ method, source, path }) => method === "POST" && source !== "application" && !path.includes(":"))
    .map(({ path, parameters, guard, open }) => {
      const names = parameters.map((parameter) => /^[\w-]+/.exec(parameter)?.[0] ?? "");
      const fields = Object.fromEntries(names.map((name) => [name, defaults[name] ?? "1"]));
      return { path, fields, signedIn: open === undefined && guard !== "not signed in" };
    })
    .filter(({ signedIn }) => !signedIn || rig.lab.profile !== "token");
}

/** Whether an endpoint has no field that must be there. */
const fieldless = (rig: Rig, path: string): boolean =>
  rig.lab.routes.some((route) => route.path === path && route.method === "POST" && route.parameters.length === 0);

async function send(rig: Rig, path: string, signedIn: boolean, attempt: Attempt): Promise<Answer> {
  const client = signedIn ? await rig.signedIn({ email: "matt@lp.com", password: "password" }) : await rig.visitor();
  return client.post(path, { csrf: client.csrf ?? "", ...attempt });
}

attacks("TYP", {}, (attack) => {
  attack("TYP-01 [ASVS 15.3.5] [ASVS 2.2.1] [ASVS 2.2.2]: every field as another type", async (rig) => {
    const values: readonly unknown[] = [
      [],
      ["a", "b"],
      {},
      { a: 1 },
      { toString: 1 },
      0,
      1,
      -1,
      1e308,
      true,
      false,
      null,
      [[["x"]]],
      { length: 5 },
      { $gt: "" },
    ];
    const cases = forms(rig).flatMap(({ path, fields, signedIn }) =>
      Object.keys(fields).map((name) => ({ path, fields, signedIn, name })),
    );
    await each(
      pairs(cases, values),
      ([{ path, name }, value]) => `${path} ${name}=${JSON.stringify(value)}`,
      async ([{ path, fields, signedIn, name }, value]) => {
        const before = (await rig.lab.accounts.all()).length;
        const answer = await send(rig, path, signedIn, { json: { ...fields, [name]: value } });
        // Null stands for a field that is left out: an administrator may make an account that has no password yet.
        const left = value === null && name === "password" && path.endsWith("/users/new");
        const optional = name === "remember" || name === "username" || left;
        must(refused(answer) || optional, `status ${answer.status}`);
        must(!sessionSet(answer) || signedIn, "it signed in");
        if (!optional) must((await rig.lab.accounts.all()).length === before, "it made an account");
      },
    );
    await each(
      forms(rig),
      ({ path }) => path,
      async ({ path, signedIn }) => {
        for (const body of ["[]", "1", "null", '"x"', "true", '[{"email":"matt@lp.com","password":"password"}]']) {
          const answer = await send(rig, path, signedIn, { body, headers: { "content-type": "application/json" } });
          // JSON's null is a body without members: all that an endpoint without fields asks for.
          const nothing = body === "null" && fieldless(rig, path);
          must(refused(answer) || nothing, `${body}: ${answer.status}`);
        }
      },
    );
  });

  attack("TYP-02 [ASVS 1.2.4] [ASVS 15.3.5]: operators in place of values", async (rig) => {
    const bodies: readonly unknown[] = [
      { email: { $gt: "" }, password: { $gt: "" } },
      { email: "matt@lp.com", password: { $ne: null } },
      { email: "matt@lp.com", password: { $regex: ".*" } },
      { email: { like: "%" }, password: "password" },
      { email: { contains: "matt" }, password: "password" },
      { email: "%", password: "password" },
      { email: "matt%", password: "password" },
      { email: "____@lp.com", password: "password" },
      { email: ["matt@lp.com", "joe@lp.com"], password: "password" },
      { email: { toString: "matt@lp.com" }, password: "password" },
    ];
    await each(
      bodies,
      (body) => JSON.stringify(body),
      async (body) => {
        const answer = await send(rig, rig.at("LOGIN"), false, { json: body });
        must(answer.status === 400 && !sessionSet(answer), `status ${answer.status}`);
      },
    );
    await each(
      [
        "email[$regex]=.*&password[$ne]=x",
        "email[$gt]=&password=password",
        "email[]=matt@lp.com&password=password",
        "email=matt@lp.com&email=joe@lp.com&password=password",
      ],
      String,
      async (body) => {
        const client = await rig.visitor();
        const headers = { "content-type": "application/x-www-form-urlencoded" };
        const answer = await client.post(rig.at("LOGIN"), {
          body: `${body}&csrf_token=${client.csrf}`,
          headers,
          csrf: false,
        });
        must(!sessionSet(answer), `signed in: ${answer.status}`);
      },
    );
  });

  attack("TYP-03 [ASVS 15.3.6] [ASVS 1.5.2]: names that reach into prototypes", async (rig) => {
    const plain = await rig.user();
    const json = [
      '{"__proto__":{"polluted":"yes","active":true,"roles":["admin"]}}',
      '{"constructor":{"prototype":{"polluted":"yes"}}}',
      '{"prototype":{"polluted":"yes"},"__proto__":null}',
      '{"a":{"__proto__":{"polluted":"yes"}}}',
      '{"__proto__":1,"email":"matt@lp.com","password":"wrong"}',
      `{"email":"${plain.email}","password":"${plain.password}","__proto__":{"roles":["admin"],"polluted":"yes"}}`,
    ];
    const urlencoded = [
      "__proto__.polluted=yes",
      "__proto__[polluted]=yes",
      "constructor.prototype.polluted=yes",
      "constructor[prototype][polluted]=yes",
      "__proto__=polluted",
      "prototype=yes&constructor=yes&__proto__=yes",
    ];
    const multipart = (name: string): string =>
      `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\nyes\r\n--x--\r\n`;
    const paths = ["/json", rig.at("LOGIN"), rig.path("REGISTER") ?? "/json", "/typed/1"];
    const attempts: readonly Attempt[] = [
      ...json.map((body) => ({ body, headers: { "content-type": "application/json" } })),
      ...urlencoded.map((body) => ({ body, headers: { "content-type": "application/x-www-form-urlencoded" } })),
      ...urlencoded.map((body) => ({
        body: multipart(body.split("=")[0] ?? ""),
        headers: { "content-type": "multipart/form-data; boundary=x" },
      })),
    ];
    await each(
      pairs(paths, attempts),
      ([path, { body }]) => `${path} ${String(body).slice(0, 60)}`,
      async ([path, attempt]) => {
        const client = await rig.visitor();
        const answer = await client.post(path, { csrf: client.csrf ?? "", ...attempt });
        must(refused(answer) || answer.status === 200, `status ${answer.status}`);
      },
    );
    await each(urlencoded, String, async (query) => {
      await rig.client().get(`/typed/1?${query}`);
      await rig.client().get("/", { cookies: query.replaceAll("&", "; ").replace("__proto__=", "__proto__=session=") });
    });
    const client = await rig.visitor();
    await client.signIn(plain.email, plain.password);
    const headers = rig.lab.profile === "token" ? {} : undefined;
    for (let index = 0; index < 20; index += 1) {
      const open = await rig.client().get("/typed/1");
      must(open.status === 200 && open.text === '{"id":1}', `a later answer holds more: ${open.text}`);
      must((await rig.client().get("/me")).status === 401, "nobody is somebody");
      const admin = await client.get("/admin", headers === undefined ? {} : { headers });
      must(admin.status === 403 || admin.status === 401, `a plain user is an admin: ${admin.status}`);
    }
  });

  attack("TYP-04 [ASVS 15.2.2]: bodies that are too deep, too large, too many", async (rig) => {
    const { port } = rig.lab;
    const before = rig.lab.memory();
    const json = { "content-type": "application/json" };
    const form = { "content-type": "application/x-www-form-urlencoded" };
    const bodies: readonly (readonly [name: string, body: string, headers: Record<string, string>])[] = [
      ["200,000 deep arrays", "[".repeat(200_000) + "]".repeat(200_000), json],
      ["200,000 deep objects", `${'{"a":'.repeat(200_000)}1${"}".repeat(200_000)}`, json],
      ["33 deep", `{"email":${"[".repeat(33)}${"]".repeat(33)}}`, json],
      ["10 MB of JSON", `{"email":"${"x".repeat(10_000_000)}"}`, json],
      ["5,000 form fields", Array.from({ length: 5_000 }, (_, at) => `f${at}=1`).join("&"), form],
      ["10 MB of form", `email=${"x".repeat(10_000_000)}`, form],
      [
        "5,000 multipart parts",
        `${Array.from({ length: 5_000 }, (_, at) => `--x\r\nContent-Disposition: form-data; name="f${at}"\r\n\r\n1\r\n`).join("")}--x--\r\n`,
        { "content-type": "multipart/form-data; boundary=x" },
      ],
      [
        "20 MB of multipart",
        `--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n${"x".repeat(20_000_000)}\r\n--x--\r\n`,
        { "content-type": "multipart/form-data; boundary=x" },
      ],
      ["a name of 10 kB", `${"n".repeat(10_000)}=1`, form],
      ["a long percent sequence", `email=${"%41".repeat(300_000)}&password=x`, form],
      ["a long number", `{"email":${"1".repeat(500_000)}}`, json],
      ["90,000 members", `{${Array.from({ length: 90_000 }, (_, at) => `"k${at}":1`).join(",")}}`, json],
      [
        "a million headers of a part",
        `--x\r\nContent-Disposition: form-data; name="a"\r\n${"a:\r\n".repeat(1_000_000)}\r\n1\r\n--x--\r\n`,
        { "content-type": "multipart/form-data; boundary=x" },
      ],
    ];
    const paths = [rig.at("LOGIN"), "/json", rig.path("REGISTER") ?? "/json"];
    await each(
      pairs(paths, bodies),
      ([path, [name]]) => `${path} ${name}`,
      async ([path, [, body, headers]]) => {
        const type = headers["content-type"] ?? "";
        const answer = await exchange(port, rawPost(port, path, type, body));
        // A server that refuses and closes while a client still writes may lose its answer to a reset: refused all the same.
        must(answer === undefined || [200, 400, 413, 431].includes(answer.status), `status ${answer?.status}`);
        must(answer === undefined || answer.status !== 200 || (path === "/json" && body.length < 1_048_576), "taken");
      },
    );
    const many = `{${Array.from({ length: 100_000 }, (_, at) => `"k${at}":1`).join(",")}}`;
    const keys = await rig.client().post(rig.at("LOGIN"), { body: many, headers: json });
    must(refused(keys), `100,000 keys: ${keys.status}`);
    const huge = await exchange(
      port,
      rawRequest(["GET / HTTP/1.1", "Host: x", `X-Big: ${"x".repeat(65_536)}`, "Connection: close"]),
    );
    must(huge?.status === 431, `64 kB of header: ${huge?.status}`);
    const chunked = `${(2_000_000).toString(16)}\r\n${"x".repeat(2_000_000)}\r\n0\r\n\r\n`;
    const stream = await exchange(
      port,
      rawRequest(
        [
          `POST ${rig.at("LOGIN")} HTTP/1.1`,
          "Host: x",
          "Content-Type: application/json",
          "Transfer-Encoding: chunked",
          "Connection: close",
        ],
        chunked,
      ),
    );
    must(stream === undefined || refused(stream), `chunked without a length: ${stream?.status}`);
    must((await rig.client().get("/")).status === 200, "the open page does not answer");
    const grown = Math.round((rig.lab.memory() - before) / 1_048_576);
    must(grown < 300, `the server holds ${grown} MiB more`);
  });

  attack("TYP-04 [ASVS 4.2.1]: requests whose length is told twice", async (rig) => {
    const body = '{"email":"matt@lp.com","password":"password"}';
    const head = [`POST ${rig.at("LOGIN")} HTTP/1.1`, "Host: x", "Content-Type: application/json"];
    const smuggled = `${body}GET /admin HTTP/1.1\r\nHost: x\r\n\r\n`;
    const raw: readonly (readonly [string, Buffer])[] = [
      [
        "both lengths",
        rawRequest([...head, `Content-Length: ${body.length}`, "Transfer-Encoding: chunked"], `0\r\n\r\n${body}`),
      ],
      ["two lengths", rawRequest([...head, "Content-Length: 5", `Content-Length: ${body.length}`], body)],
      ["a length list", rawRequest([...head, `Content-Length: 5, ${body.length}`], body)],
      ["a negative length", rawRequest([...head, "Content-Length: -1"], body)],
      ["a hexadecimal length", rawRequest([...head, "Content-Length: 0x20"], body)],
      ["an unknown coding", rawRequest([...head, "Transfer-Encoding: xchunked"], body)],
      ["a space before the colon", rawRequest([...head, `Content-Length : ${body.length}`], body)],
      ["a folded header", rawRequest([...head, "X-A: b\r\n c", `Content-Length: ${body.length}`], body)],
      ["a bare LF", Buffer.from(`POST ${rig.at("LOGIN")} HTTP/1.1\nHost: x\nContent-Length: 0\n\n`)],
      ["no Host", rawRequest([head[0] ?? "", "Content-Length: 0"])],
      ["a wrong version", rawRequest(["GET / HTTP/9.9", "Host: x"])],
      ["a smuggled second request", rawRequest([...head, `Content-Length: ${smuggled.length}`], smuggled)],
    ];
    await each(
      raw,
      ([name]) => name,
      async ([, bytes]) => {
        const answer = await exchange(rig.lab.port, bytes);
        must(answer === undefined || (answer.status >= 400 && answer.status < 500), `status ${answer?.status}`);
      },
    );
  });

  attack("TYP-05 [ADV-L] [ASVS 2.2.1] [ASVS 16.5.1]: bodies that do not parse", async (rig) => {
    const json = "application/json";
    const multi = "multipart/form-data";
    const good = '{"email":"matt@lp.com","password":"password"}';
    const bodies: readonly (readonly [
      name: string,
      type: string,
      body: string | Buffer,
      headers?: Record<string, string>,
    ])[] = [
      ["truncated", json, good.slice(0, -5)],
      ["a byte order mark", json, `\ufeff${good}`],
      ["UTF-16", json, Buffer.from(good, "utf16le")],
      ["UTF-16 with its charset", "application/json; charset=utf-16le", Buffer.from(good, "utf16le")],
      [
        "invalid UTF-8",
        json,
        Buffer.concat([Buffer.from('{"email":"'), Buffer.from([0xff, 0xc0, 0x80]), Buffer.from('"}')]),
      ],
      [
        "overlong UTF-8",
        json,
        Buffer.concat([Buffer.from('{"email":"'), Buffer.from([0xc1, 0x81]), Buffer.from('"}')]),
      ],
      ["a lone surrogate", json, '{"email":"\\ud800","password":"x"}'],
      ["NaN", json, '{"email":NaN}'],
      ["a trailing comma", json, '{"email":"x",}'],
      ["a comment", json, `/* x */${good}`],
      ["single quotes", json, "{'email':'x'}"],
      ["a duplicate key", json, '{"email":"nobody@x.test","email":"matt@lp.com","password":"password"}'],
      ["two values", json, `${good}${good}`],
      ["a NUL", json, `${good}\u0000`],
      ["nothing", json, ""],
      ["blank", json, " \r\n "],
      ["multipart without boundary", multi, "--x\r\n\r\n--x--"],
      ["multipart with an empty boundary", `${multi}; boundary=`, "--\r\n\r\n----"],
      ["multipart cut off", `${multi}; boundary=x`, '--x\r\nContent-Disposition: form-data; name="email"\r\n\r\nmatt'],
      [
        "multipart without a name",
        `${multi}; boundary=x`,
        "--x\r\nContent-Disposition: form-data\r\n\r\nmatt\r\n--x--\r\n",
      ],
      [
        "a file for a text",
        `${multi}; boundary=x`,
        '--x\r\nContent-Disposition: form-data; name="email"; filename="a"\r\n\r\nmatt\r\n--x--\r\n',
      ],
      ["broken gzip", json, Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]), { "content-encoding": "gzip" }],
      ["broken percent", "application/x-www-form-urlencoded", "email=%zz&password=%"],
      ["percent that is no UTF-8", "application/x-www-form-urlencoded", "email=%ff%fe&password=x"],
    ];
    const paths = [rig.at("LOGIN"), "/json", rig.path("REGISTER") ?? "/json", "/typed/1"];
    await each(
      pairs(paths, bodies),
      ([path, [name]]) => `${path}: ${name}`,
      async ([path, [name, type, body, headers]]) => {
        for (const page of [false, true]) {
          const client = await rig.visitor();
          const answer = await client.post(path, {
            body,
            page,
            headers: { "content-type": type, ...headers },
            csrf: client.csrf ?? "",
          });
          must(!sessionSet(answer), "it signed in");
          // Beside what does not parse there is what parses and says nothing wrong for a route that takes anything.
          const harmless =
            /^(?:a file|multipart cut|a lone|nothing)/.test(name) || path === "/json" || path === "/typed/1";
          must(
            [400, 415, 422].includes(answer.status) || (harmless && [200, 400].includes(answer.status)),
            `status ${answer.status}`,
          );
          if (
            /UTF-16|invalid|overlong|truncated|NaN|comma|comment|quotes|two|NUL|gzip|without boundary|empty boundary|duplicate/.test(
              name,
            )
          ) {
            must([400, 415].includes(answer.status), `taken: ${answer.status} ${answer.text}`);
          }
        }
      },
    );
  });

  attack("TYP-07 [ASVS 2.2.1]: numbers in other spellings are not that number", async (rig) => {
    const spellings = [
      "1abc",
      "0x1",
      " 1",
      "1 ",
      "1e0",
      "01",
      "+1",
      "1.0",
      "-0",
      "\uff11",
      "9007199254740993",
      "1_000",
      "1,0",
      "NaN",
      "Infinity",
      "\u0661",
      "0b1",
      "1n",
      "--1",
      "1%00",
      "\u00001",
    ];
    await each(
      spellings,
      (text) => JSON.stringify(text),
      async (text) => {
        const path = await rig.client().get(`/typed/${encodeURIComponent(text)}`);
        must(refused(path), `in the path: ${path.status} ${path.text}`);
        const form = await rig.client().post("/typed/1", { form: { ratio: text } });
        must(
          !["\uff11", "1abc", "1,0", "NaN", "Infinity", "\u0661", "--1", "0x1"].includes(text) || refused(form),
          `as a ratio: ${form.text}`,
        );
      },
    );
    await each(["", "%20", "%E2%80%8B1"], String, async (text) => {
      const answer = await rig.client().get(`/typed/${text}`);
      must(refused(answer), `${answer.status}`);
    });
    for (const value of ["1", 1.5, true, [1], { a: 1 }, null, "9007199254740993", 1e21]) {
      const answer = await rig.client().post("/typed/1", { json: { ratio: value } });
      must(
        refused(answer) || value === 1.5 || value === 1e21,
        `ratio ${JSON.stringify(value)} in JSON: ${answer.text}`,
      );
    }
  });

  attack("TYP-07 [ASVS 2.2.1]: numbers where a route takes other bases, and in its path", async (rig) => {
    const right: readonly (readonly [string, number])[] = [
      ["0x1f", 31],
      ["-0b11", -3],
      ["0o17", 15],
      ["7", 7],
      ["0x0", 0],
    ];
    await each(
      right,
      ([text]) => text,
      async ([text, number]) => {
        const answer = await rig.client().post("/special/1", { form: { any: text } });
        must(JSON.parse(answer.text).any === number, `${answer.status} ${answer.text}`);
      },
    );
    const wrong = [
      "0X1f",
      "0x",
      "0x1g",
      "0b2",
      "0o8",
      "017",
      "0x1.8",
      "0x20000000000000",
      " 0x1",
      "0x1n",
      "1e3",
      "\uff10x1",
    ];
    await each(
      wrong,
      (text) => JSON.stringify(text),
      async (text) => {
        must(refused(await rig.client().post("/special/1", { form: { any: text } })), "as a field");
        must(refused(await rig.client().post("/special/1", { json: { any: text } })), "in JSON");
      },
    );
    await each(
      ["0x1", "01", "+1", "1.0", "-0", "1e0", "%31x", "1%00", "1%2f2", "9007199254740993", "%EF%BC%91"],
      String,
      async (text) => {
        const answer = await rig.client().get(`/special/${text}`);
        must(refused(answer), `${answer.status} ${answer.text}`);
      },
    );
  });

  attack(
    "TYP-03 [ASVS 15.3.6] [ASVS 1.5.2]: a route that takes every name takes none that reaches into prototypes",
    async (rig) => {
      const bodies = [
        '{"__proto__":{"admin":true}}',
        '{"a":{"__proto__":{"admin":true}}}',
        '{"constructor":{"prototype":{"admin":1}}}',
      ];
      await each(bodies, String, async (body) => {
        const headers = { "content-type": "application/json" };
        must(refused(await rig.client().post("/special/1", { body, headers })), "JSON was taken");
        must(refused(await rig.client().get(`/special/1?json=${encodeURIComponent(body)}`)), "JSON text was taken");
      });
      await each(["__proto__", "constructor", "prototype"], String, async (name) => {
        must(refused(await rig.client().get(`/special/1?${name}=1`)), "in the query");
        must(refused(await rig.client().post("/special/1", { form: { [name]: "1" } })), "in a form");
      });
      const after = await rig.client().get("/special/1?toString=x");
      must(after.status === 200 && JSON.parse(after.text).others.toString === "x", `${after.status} ${after.text}`);
      must(JSON.parse((await rig.client().get("/special/1")).text).others.admin === undefined, "it stayed");
    },
  );

  attack(
    "TYP-10 [ASVS 15.3.5] [ASVS 2.2.1]: what belongs into a header or a cookie comes from nowhere else",
    async (rig) => {
      const head = { "x-depth": "3", cookie: "theme=dark" };
      const right = await rig.client().get("/special/1", { headers: head });
      must(right.text.includes('"depth":3') && right.text.includes('"theme":"dark"'), right.text);
      await each(["depth", "theme", "id"], String, async (name) => {
        must(refused(await rig.client().get(`/special/1?${name}=3`)), "from the query");
        must(
          refused(await rig.client().post("/special/1", { form: { [name]: "3" }, headers: head })),
          "from a form beside it",
        );
        must(refused(await rig.client().post("/special/1", { json: { [name]: 3 } })), "from JSON");
      });
      for (const depth of ["x", "0x3", "3, 4", "3;q=1"]) {
        must(refused(await rig.client().get("/special/1", { headers: { "x-depth": depth } })), `the header ${depth}`);
      }
      const twice = await rig.client().get("/special/1", { headers: { cookie: "theme=dark; theme=light" } });
      must(!twice.text.includes('"theme"'), `two cookies: ${twice.text}`);
    },
  );

  attack("TYP-10 [ASVS 15.3.5] [ASVS 2.2.1]: booleans, dates and lists in other spellings", async (rig) => {
    await each(["2", "yes please", "TRUE!", "null", "[]", "0.0", "-1"], String, async (flag) => {
      must(refused(await rig.client().post("/typed/1", { form: { flag } })), "a flag");
    });
    await each(
      ["2099-99-99", "2024-02-30", "tomorrow", "0", "1e3", "12/31/2024", "2024-13-01", ""],
      String,
      async (when) => {
        const answer = await rig.client().post("/typed/1", { form: { when } });
        must(refused(answer) || (when === "" && answer.text === '{"id":1}'), `a date: ${answer.text}`);
      },
    );
    await each(
      ["true", 1, 0, "on", null, [], {}] as readonly unknown[],
      (value) => JSON.stringify(value),
      async (flag) => {
        must(refused(await rig.client().post("/typed/1", { json: { flag } })), "a flag in JSON");
      },
    );
    await each(
      [{ tags: "a" }, { tags: [1] }, { tags: { 0: "a" } }, { when: 0 }, { when: {} }] as readonly unknown[],
      (value) => JSON.stringify(value),
      async (json) => {
        must(refused(await rig.client().post("/typed/1", { json })), "taken");
      },
    );
    // The same name by two carriers, and a name that nobody declared.
    await each(["/typed/1?id=2", "/typed/1?flag=true&flag=false", "/typed/1?unknown=1"], String, async (path) => {
      must(refused(await rig.client().get(path)), "taken");
    });
    must(refused(await rig.client().post("/typed/1?flag=true", { json: { flag: true } })), "query and body");
  });
});
