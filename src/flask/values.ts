import { ConfigurationError } from "../model/errors.ts";

/** The settings as they were given: by name, without the prefix. */
export type RawSettings = Readonly<Record<string, unknown>>;

/** Reads settings by type. Each function answers undefined for a setting that is left out or null, and throws for another type. */
export interface SettingReader {
  boolean(name: string): boolean | undefined;
  text(name: string): string | undefined;
  /** Seconds, 0 or more; also in the form `{ "seconds": 60 }`. */
  seconds(name: string): number | undefined;
  count(name: string): number | undefined;
  texts(name: string): readonly string[] | undefined;
}

/** Makes the reader. Its errors are ConfigurationErrors with the setting's name as path. */
export function settingReader(settings: RawSettings): SettingReader {
  const read = <T>(name: string, expected: string, check: (value: unknown) => T | undefined): T | undefined => {
    const value = Object.hasOwn(settings, name) ? settings[name] : undefined;
    if (value === undefined || value === null) return undefined;
    const checked = check(value);
    if (checked === undefined) throw new ConfigurationError(name, `${expected} is expected`);
    return checked;
  };
  return {
    boolean: (name) => read(name, "true or false", (value) => (typeof value === "boolean" ? value : undefined)),
    text: (name) =>
      read(name, "a text", (value) => (typeof value === "string" && value.trim() !== "" ? value : undefined)),
    seconds: (name) => read(name, "a number of seconds", secondsOf),
    count: (name) => read(name, "a whole number", (value) => (Number.isInteger(value) ? (value as number) : undefined)),
    texts: (name) =>
      read(name, "a list of texts", (value) =>
        Array.isArray(value) && value.every((item) => typeof item === "string") ? (value as string[]) : undefined,
      ),
  };
}

function secondsOf(value: unknown): number | undefined {
  if (typeof value === "object" && value !== null && Object.keys(value).join() === "seconds") {
    return secondsOf((value as { seconds: unknown }).seconds);
  }
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}
