import { hasSecureCookies } from "../../http/jar.ts";
import { checkedOrigins } from "../../http/redirect.ts";
import { keyFault } from "../../secrets/keyring.ts";
import { type Finding, ofConfigurationError, orWell } from "./finding.ts";

/** Where a configuration comes from. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The text of the application's module. */
  readonly source: string;
  /** The module's name, for messages. */
  readonly module: string;
}

type Options = Readonly<Record<string, unknown>>;

/** Looks at options as they were given: nothing of them is known to be of the right type. */
export function checkConfiguration(options: unknown, surroundings: Surroundings): readonly Finding[] {
  const given: Options = isObject(options) ? options : {};
  const production = surroundings.environment["NODE_ENV"] === "production";
  return [
    ...secrets(given, surroundings),
    ...origins(given, production),
    ...cookies(given),
    ...proxies(given),
    ...orWell("options", "none makes it weaker", [...weakened(given), ...forDevelopment(given, production)]),
  ];
}

function secrets(options: Options, { environment, source, module }: Surroundings): readonly Finding[] {
  const keys: readonly unknown[] = Array.isArray(options["secretKeys"]) ? options["secretKeys"] : [];
  const findings: Finding[] = [];
  for (const [index, key] of keys.entries()) {
    const path = `secretKeys[${index}]`;
    const fault = (text: string, mend: string): unknown =>
      findings.push({ check: "secrets", level: "fault", path, text, mend });
    const wrong = keyFault(key, keys.slice(0, index));
    if (wrong !== undefined) {
      const [text = wrong, mend = "take another one"] = wrong.split("; ");
      fault(text, mend);
    }
    if (typeof key !== "string" || key.length < 8) continue;
    const elsewhere = placesOf(key, options).filter((place) => !place.startsWith("secretKeys["));
    const variables = Object.entries(environment).flatMap(([name, value]) => (value?.includes(key) ? [name] : []));
    if (elsewhere.length > 0) {
      fault(`the same secret is ${elsewhere.join(" and ")}`, "give each use a secret of its own");
    }
    if (variables.length > 1) {
      fault(`the variables ${variables.join(", ")} share it`, "give each use a secret of its own");
    }
    if (source.includes(key)) {
      fault(`stands in ${module}, where everybody reads it who reads the source`, "take it from the environment");
    }
  }
  if (keys.length === 0) return [];
  return orWell("secrets", keys.length === 1 ? "one key, long enough" : `${keys.length} keys, long enough`, findings);
}

/** The paths in the options under which exactly this text stands. */
function placesOf(text: string, value: unknown, path = "", depth = 0): readonly string[] {
  if (value === text) return [path];
  if (depth > 6 || (!Array.isArray(value) && !isPlain(value))) return [];
  return Object.entries(value as object).flatMap(([name, inner]) =>
    placesOf(
      text,
      inner,
      Array.isArray(value) ? `${path}[${name}]` : path === "" ? name : `${path}.${name}`,
      depth + 1,
    ),
  );
}

const loopback = /^https?:\/\/(?:localhost|[a-z0-9.-]+\.localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?$/;

function origins(options: Options, production: boolean): readonly Finding[] {
  const list = textsOf(options["origins"]);
  const findings: Finding[] = [];
  for (const [index, origin] of list.entries()) {
    const path = `origins[${index}]`;
    try {
      checkedOrigins([origin]);
    } catch (error) {
      if (error instanceof Error) findings.push({ ...ofConfigurationError(error), path });
    }
    if (production && loopback.test(origin)) {
      const text = `${origin} is this machine, and NODE_ENV is production`;
      findings.push({ check: "origins", level: "fault", path, text, mend: "write the origin that people use" });
    }
  }
  const mixed = list.some((it) => it.startsWith("http://")) && list.some((it) => it.startsWith("https://"));
  if (mixed) {
    const text = "some are encrypted and some are not";
    const mend = "leave those with http:// out, or run them as an application of their own";
    findings.push({ check: "origins", level: "warning", path: "origins", text, mend });
  }
  return list.length === 0 ? [] : orWell("origins", list.join(", "), findings);
}

function cookies(options: Options): readonly Finding[] {
  const list = textsOf(options["origins"]);
  if (list.length === 0) return [];
  const allowInsecure = at(options, "cookies.allowInsecure");
  const insecure = allowInsecure === true;
  const path = "cookies.allowInsecure";
  if (insecure && list.every((origin) => origin.startsWith("https://"))) {
    const text = "every origin is encrypted, and cookies could go out without Secure all the same";
    return [{ check: "cookies", level: "fault", path, text, mend: "leave the option out" }];
  }
  if (insecure) {
    const text = "cookies go over the network in clear: whoever sees them is signed in";
    return [{ check: "cookies", level: "warning", path, text, mend: "use https:// origins and leave the option out" }];
  }
  if (allowInsecure !== false && !hasSecureCookies(list, undefined)) {
    return [{ check: "cookies", level: "ok", text: "without Secure, as every origin is plain HTTP on this machine" }];
  }
  if (list.some((origin) => origin.startsWith("http://"))) {
    const text = "Secure, which browsers take on this machine's http:// origins, but Safari does not";
    const mend = "for Safari, leave cookies.allowInsecure out and give this machine an application of its own";
    return [{ check: "cookies", level: "warning", text, mend }];
  }
  return [{ check: "cookies", level: "ok", text: "Secure, for origins with https://" }];
}

function proxies(options: Options): readonly Finding[] {
  const declared = options["trustedProxies"];
  const path = "trustedProxies";
  const everybody = textsOf(declared).find((network) => /\/0+$/.test(network));
  if (everybody !== undefined) {
    const text = `${everybody} is everybody: each caller may write any address`;
    return [{ check: "proxies", level: "fault", path, text, mend: "list the proxies' own addresses" }];
  }
  const encrypted = textsOf(options["origins"]).some((it) => it.startsWith("https://"));
  if (declared === undefined && encrypted) {
    const text = "no proxy is declared; where one ends TLS, all callers have its address, and limits count them as one";
    const mend =
      'declare it (trustedProxies: { hops: 1 }, or ["unix"] behind a Unix socket; [] where there is none), and look with --url how calls arrive';
    return [{ check: "proxies", level: "warning", path, text, mend }];
  }
  return [];
}

/** Options whose names say that they make something weaker. */
const weak: readonly (readonly [path: string, text: string])[] = [
  ["passwords.hashing.allowWeakHashing", "hashes may cost less than OWASP's minimum"],
  ["passwords.policy.allowShortPasswords", "passwords may be shorter than 8 characters"],
  ["passwords.policy.allowCommonPasswords", "the most common passwords are accepted"],
  ["passwords.policy.allowWithoutChecks", "checks of passwords are left out"],
  ["limits.allowUnlimited", "limits against guessing are switched off"],
  ["revealAccounts", "answers tell whether an account exists"],
];

function weakened(options: Options): readonly Finding[] {
  return weak.flatMap(([path, text]): readonly Finding[] => {
    const value = at(options, path);
    const off = value === undefined || value === false || (Array.isArray(value) && value.length === 0);
    return off ? [] : [{ check: "options", level: "warning", path, text, mend: "leave the option out" }];
  });
}

/** What belongs to development and tests: a fault where NODE_ENV is production. */
function forDevelopment(options: Options, production: boolean): readonly Finding[] {
  const level = production ? "fault" : "warning";
  const schemes = Array.isArray(options["schemes"]) ? options["schemes"] : [];
  const found: (readonly [there: boolean, path: string, text: string, mend: string])[] = [
    [options["clock"] !== undefined, "clock", "times go by a clock of the application's", "leave the option out"],
    [
      at(options, "datastore.dialect") === "memory",
      "datastore",
      "accounts are in memory and end with the process",
      'keep them in a database: sqlite("app.db") …',
    ],
    [
      at(options, "mail.sender.development") === true,
      "mail.sender",
      "mails are kept and not sent",
      "send them: smtp(…) from portcullis/smtp",
    ],
    [
      schemes.some((scheme) => isObject(scheme) && scheme["name"] === "fake"),
      "schemes",
      "fake() lets callers say who they are",
      "take fake() out",
    ],
  ];
  return found.flatMap(([there, path, text, mend]): readonly Finding[] =>
    there ? [{ check: "options", level, path, text, mend }] : [],
  );
}

function at(options: Options, path: string): unknown {
  let value: unknown = options;
  for (const name of path.split(".")) value = isObject(value) ? value[name] : undefined;
  return value;
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((it) => typeof it === "string") : [];
}

function isObject(value: unknown): value is Options {
  return typeof value === "object" && value !== null;
}

function isPlain(value: unknown): boolean {
  return isObject(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value));
}
