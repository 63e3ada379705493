/** docs/settings.md says of each of Flask-Security's settings what it is here: held to the sources. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { memory } from "../datastore/memory/index.ts";
import { outbox } from "../delivery/outbox.ts";
import * as features from "../features/index.ts";
import { ConfigurationError } from "../model/errors.ts";
import { portcullis } from "../security.ts";
import { settingDefaults } from "./defaults.ts";
import { settledSettings, translatedSettings } from "./translation.ts";

interface Line {
  readonly name: string;
  readonly taken: string;
  readonly here: string;
  readonly note: string;
}

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");
const recorded = JSON.parse(read("fixtures/setting-names.json")) as readonly string[];
/** Flask's own and Flask-Login's, which a deployment has beside them. */
const neighbours: readonly string[] = ["SECRET_KEY", "SECRET_KEY_FALLBACKS", "REMEMBER_COOKIE_DURATION"];
const lines: readonly Line[] = [
  ...read("../../docs/settings.md").matchAll(/^\| `([A-Z_0-9]+)` \| ([^|]+) \| ([^|]+) \| ([^|]*)\|$/gm),
].map(([, name = "", taken = "", here = "", note = ""]) => ({
  name,
  taken: taken.trim(),
  here: here.trim(),
  note: note.trim(),
}));
const later = /^not yet: (?:two-factor|unified sign-in|WebAuthn|social sign-in)$/;
const named = [
  ...new Set(lines.flatMap(({ here }) => [...here.matchAll(/`([^`]+)`/g)].map(([, option]) => option ?? ""))),
];

describe("the table of settings", () => {
  it("has each setting once, and no other", () => {
    expect(recorded).toHaveLength(255);
    expect(lines.map(({ name }) => name).toSorted()).toEqual([...neighbours, ...recorded].toSorted());
    expect(Object.keys(settingDefaults).toSorted()).toEqual(recorded.toSorted());
  });

  it("names an option, or says why there is none, or of which feature to come it is", () => {
    const wrong = lines.filter(({ here, note }) => {
      if (here === "none") return note.length < 10;
      return !later.test(here) && here.replace(/`[^`]+`/g, "").replaceAll(", ", "") !== "";
    });
    expect(wrong).toEqual([]);
  });

  it("claims to take over what the translation takes over", () => {
    const claimed = (word: string): readonly string[] =>
      lines.filter(({ taken }) => taken === word).map(({ name }) => name);
    expect(claimed("yes").toSorted()).toEqual([...translatedSettings].toSorted());
    // One is looked at and fine with any name.
    const settled = [...settledSettings].filter((name) => !translatedSettings.has(name));
    expect(claimed("any value").toSorted()).toEqual(settled.toSorted());
    expect(lines.filter(({ taken }) => !["yes", "any value", "default"].includes(taken))).toEqual([]);
  });

  it("what is taken over has an option or feature", () => {
    // What there is nothing to choose about: the hashes of every scheme are verified.
    const without = lines.filter(({ taken, here }) => taken === "yes" && !here.startsWith("`")).map(({ name }) => name);
    expect(without).toEqual(["PASSWORD_HASH"]);
  });
});

const origin = "https://acme.example";

/** Starts a system that is told `value` for an option; what it objects to. */
async function objection(path: string, value: unknown): Promise<ConfigurationError | undefined> {
  const names = path.split(".");
  const nested = names.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as Record<string, object>;
  const base: Record<string, unknown> = {
    secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
    origins: [origin],
    datastore: memory(),
    features: [
      features.passwords(),
      features.registration(),
      features.confirmation(),
      features.recovery(),
      features.changePassword(),
      features.changeEmail(),
      features.usernames(),
      features.passwordless(),
      features.refresh(),
      features.tracking(),
    ],
    mail: { sender: outbox(), from: "no-reply@acme.example" },
    log: () => {},
    ...(names[0] === "spa" ? { spa: { origin } } : {}),
  };
  for (const [name, inner] of Object.entries(nested)) {
    base[name] = names.length > 1 && typeof base[name] === "object" ? { ...base[name], ...inner } : inner;
  }
  try {
    await (await portcullis(base as never)).close();
    return undefined;
  } catch (error) {
    return error instanceof ConfigurationError ? error : undefined;
  }
}

/** Whether a system refuses to start because it does not know the option. */
async function isUnknown(path: string): Promise<boolean> {
  for (const value of [undefined, "x", "/x"]) {
    const error = await objection(path, value);
    if (error === undefined) continue;
    if (error.path === path && /^[^:]+: (?:unknown|there is no)/.test(error.message)) return true;
  }
  return false;
}

type Maker = ((options: object) => { readonly name: string }) | undefined;

function makerOf(feature: string): NonNullable<Maker> {
  const make = (features as unknown as Record<string, Maker>)[feature];
  if (make === undefined) throw new Error(`there is no feature ${feature}`);
  return make;
}

/** Whether a feature refuses an option because it does not know it. */
function featureRefuses(feature: string, option: string): boolean {
  try {
    makerOf(feature)({ [option]: undefined });
    return false;
  } catch (error) {
    return error instanceof ConfigurationError && error.path === `${feature}.${option}`;
  }
}

describe("an option that the table names", () => {
  it.each(named.filter((option) => /^[\w.]+$/.test(option)))("%s exists", async (path) => {
    expect(await isUnknown(path)).toBe(false);
    // That it is asked at all.
    expect(await isUnknown(`${path}Zzz`)).toBe(true);
  });

  it.each(named.filter((option) => option.includes("(")))("%s exists", (text) => {
    const [, feature = "", option] = /^(\w+)\((?:\{ (\w+) \})?\)$/.exec(text) ?? [];
    expect(makerOf(feature)({}).name).toBe(feature);
    if (option === undefined) return;
    expect(featureRefuses(feature, option)).toBe(false);
    expect(featureRefuses(feature, `${option}Zzz`)).toBe(true);
  });
});
