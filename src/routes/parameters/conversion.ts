import type { StandardSchemaV1 } from "@standard-schema/spec";
import type {
  ConvertedParameters,
  HeadReader,
  ParameterFault,
  ParameterWords,
  ParsedBody,
  RawParameters,
} from "../../http/parameters.ts";
import { eachField } from "../../http/urlencoded.ts";
import { PortcullisError } from "../../model/errors.ts";
import { compileParameter, type Parameter, Refusal } from "./parameter.ts";
import { TEXT } from "./shape.ts";
import { isCleanJson, isCleanText } from "./text.ts";

/** What a route declares, compiled. */
export interface Declared {
  readonly byName: ReadonlyMap<string, Parameter>;
  /** For all other names, where the schema takes them. */
  readonly rest: Parameter | undefined;
  /** Names that are refused even then. */
  readonly reserved: ReadonlySet<string>;
  /** `extra`: the schema does not name it. */
  readonly inPath: readonly { readonly name: string; readonly parameter: Parameter; readonly extra: boolean }[];
  /** What comes from headers and cookies, by the name under which it is sent. */
  readonly inHead: readonly { readonly name: string; readonly parameter: Parameter; readonly sentAs: string }[];
  readonly ignored: ReadonlySet<string>;
}

type Values = Record<string, unknown>;
/** Objects without a prototype that stay as fast as object literals. */
const Values = function Values(): void {} as unknown as new () => Values;
Values.prototype = Object.create(null);

/** Beyond it, names are neither read nor listed: an answer must not grow with what somebody made up. */
const MOST_FIELDS = 200;
const LONGEST_NAME = 100;

/** A parameter that no schema names. */
const PLAIN: Parameter = compileParameter(undefined, { shape: TEXT, required: true }, "path");

/** Where something must come from that was sent elsewhere. */
const BELONGS = { path: "belongs into the path", header: "belongs into a header", cookie: "belongs into a cookie" };

/** The members of a list in one field (RFC 9110 5.6.1): commas inside of quotes are none of its. */
const MEMBERS = /(?:[^",]|"(?:[^"\\]|\\.)*"?)+/g;

function listed(text: string): string[] {
  return (text.match(MEMBERS) ?? []).map((one) => one.trim()).filter((one) => one !== "");
}

const UNDECODABLE = "is not percent-encoded UTF-8";

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** One request's values on their way from text to what the schema takes. */
export class Conversion {
  readonly values: Values = new Values();
  readonly #declared: Declared;
  #extras: Values | undefined;
  #faults: ParameterFault[] | undefined;
  #faulty: Set<string> | undefined;
  /** What was given for lists, until all of a carrier is read. */
  #lists: Map<string, (string | File)[]> | undefined;
  /** Names that a carrier before this one has given. */
  #taken: Set<string> | undefined;

  constructor(declared: Declared) {
    this.#declared = declared;
  }

  read(raw: RawParameters): void {
    if (this.#declared.inPath.length > 0) this.#readPath(raw);
    if (raw.prefixed === true) this.#readPrefix(raw);
    if (this.#declared.inHead.length > 0 && raw.head !== undefined) this.#readHead(raw.head);
    if (raw.query !== "") this.#readQuery(raw.query);
    if (raw.body !== undefined && raw.body.kind !== "none") this.#readBody(raw.body);
  }

  #readPath(raw: RawParameters): void {
    for (const { name, parameter, extra } of this.#declared.inPath) this.#readSegment(raw, name, parameter, extra);
  }

  /** What stands in the path of the application that the route is mounted on: nothing else may speak for it. */
  #readPrefix(raw: RawParameters): void {
    this.#taken = new Set();
    for (const name of Object.keys(raw.path)) {
      if (this.#declared.inPath.some((one) => one.name === name)) continue;
      const parameter = this.#declared.byName.get(name);
      this.#readSegment(raw, name, parameter ?? PLAIN, parameter === undefined);
      this.#taken.add(name);
    }
  }

  #readSegment({ path, rawPath }: RawParameters, name: string, parameter: Parameter, extra: boolean): void {
    const text = path[name];
    if (typeof text !== "string") return;
    // A router that cannot decode a segment hands it on as it is.
    if (text.includes("%") && !isDecodable(rawPath ?? text)) {
      this.#fault(name, "invalid", UNDECODABLE);
      return;
    }
    const value = parameter.list ? parameter.many([text]) : parameter.one(text);
    if (value instanceof Refusal) {
      this.#fault(name, "invalid", value.message, value.words);
    } else if (extra) {
      this.#extras ??= new Values();
      this.#extras[name] = value;
    } else {
      this.values[name] = value;
    }
  }

  #readHead(head: HeadReader): void {
    for (const { name, parameter, sentAs } of this.#declared.inHead) {
      let text = parameter.carrier === "header" ? head.header(sentAs) : head.cookie(sentAs);
      if (text === undefined || (text === "" && parameter.blankIsAbsent)) continue;
      if (parameter.carrier === "cookie" && text.includes("%")) {
        if (!isDecodable(text)) {
          this.#fault(name, "invalid", UNDECODABLE);
          continue;
        }
        text = decodeURIComponent(text);
      }
      const value = parameter.list ? parameter.many(listed(text)) : parameter.one(text);
      if (value instanceof Refusal) this.#fault(name, "invalid", value.message, value.words);
      else this.values[name] = value;
    }
  }

  #readQuery(query: string): void {
    const all = eachField(query, MOST_FIELDS, (name, value, raw) => {
      if (name === undefined) this.#fault(raw, "invalid", UNDECODABLE);
      else if (value === undefined) this.#faultOrUnexpected(name);
      else this.#put(name, value, false);
    });
    if (!all) this.#tooMany();
    this.#endLists(false);
  }

  #readBody(body: Exclude<ParsedBody, { kind: "none" }>): void {
    this.#taken = new Set([...(this.#taken ?? []), ...Object.keys(this.values), ...(this.#faulty ?? [])]);
    if (body.kind === "json") {
      this.#readJson(body.value);
      return;
    }
    let count = 0;
    for (const [name, value] of body.entries) {
      if (++count > MOST_FIELDS) {
        this.#tooMany();
        break;
      }
      this.#put(name, value, true);
    }
    this.#endLists(true);
  }

  #readJson(json: unknown): void {
    if (typeof json !== "object" || json === null || Array.isArray(json)) {
      this.#fault("", "invalid", "the body must be a JSON object");
      return;
    }
    const entries = Object.entries(json);
    if (entries.length > Math.max(MOST_FIELDS, this.#declared.byName.size)) {
      this.#tooMany();
      return;
    }
    for (const [name, value] of entries) {
      const parameter = this.#parameter(name);
      if (parameter === undefined || this.#isTaken(name)) continue;
      if (!isCleanJson(value)) this.#fault(name, "invalid", "has characters that are not allowed");
      else this.values[name] = parameter.json === undefined ? value : parameter.json(value);
    }
  }

  /** The parameter of a name out of the query or the body, or undefined with the fault noted. */
  #parameter(name: string): Parameter | undefined {
    const { byName, rest, reserved, ignored } = this.#declared;
    const parameter = byName.get(name);
    if (parameter !== undefined) {
      if (parameter.carrier === "any") return parameter;
      const given = name in this.values || (this.#extras !== undefined && name in this.#extras);
      if (given) this.#duplicate(name);
      else this.#fault(name, "unexpected", BELONGS[parameter.carrier]);
      return undefined;
    }
    if (ignored.has(name)) return undefined;
    if (rest !== undefined && !reserved.has(name) && isCleanText(name)) return rest;
    this.#fault(name, "unexpected", "is not expected");
    return undefined;
  }

  #put(sent: string, value: string | File, form: boolean): void {
    const parameter = this.#parameter(sent);
    if (parameter === undefined) return;
    // The declared string is a property key already; one cut out of a query would have to be made one first.
    const name = parameter.name ?? sent;
    if (form && parameter.blankIsAbsent && !parameter.list && isBlank(value)) return;
    if (this.#taken !== undefined && this.#isTaken(name)) return;
    if (parameter.list) {
      this.#lists ??= new Map();
      const list = this.#lists.get(name);
      if (list === undefined) this.#lists.set(name, [value]);
      else list.push(value);
      return;
    }
    if (name in this.values) {
      this.#duplicate(name);
      return;
    }
    const converted = parameter.one(value);
    if (converted instanceof Refusal) this.#fault(name, "invalid", converted.message, converted.words);
    else this.values[name] = converted;
  }

  #isTaken(name: string): boolean {
    if (this.#taken?.has(name) !== true) return false;
    this.#duplicate(name);
    return true;
  }

  #endLists(form: boolean): void {
    if (this.#lists === undefined) return;
    for (const [name, list] of this.#lists) {
      const parameter = this.#declared.byName.get(name) ?? this.#declared.rest;
      if (parameter === undefined) continue;
      const [first] = list;
      if (form && parameter.blankIsAbsent && list.length === 1 && first !== undefined && isBlank(first)) continue;
      const converted = parameter.many(list);
      if (converted instanceof Refusal) this.#fault(name, "invalid", converted.message, converted.words);
      else this.values[name] = converted;
    }
    this.#lists = undefined;
  }

  #duplicate(name: string): void {
    this.#fault(name, "duplicate", "is given more than once");
  }

  #faultOrUnexpected(name: string): void {
    if (this.#parameter(name) !== undefined) this.#fault(name, "invalid", UNDECODABLE);
  }

  #tooMany(): void {
    this.#fault("", "invalid", `there are more than ${MOST_FIELDS} parameters`);
  }

  /** Notes one fault for each name. */
  #fault(name: string, code: ParameterFault["code"], message: string, words?: ParameterWords): void {
    this.#faulty ??= new Set();
    this.#faults ??= [];
    if (this.#faulty.has(name)) return;
    this.#faulty.add(name);
    this.#faults.push({ name: shown(name), code, message, ...(words === undefined ? {} : { words }) });
  }

  /** Puts together what the schema made of the values with what was found before, or lists all faults. */
  finish(result: StandardSchemaV1.Result<unknown>): ConvertedParameters {
    if (result.issues === undefined) {
      if (this.#faults !== undefined) return { ok: false, faults: this.#faults };
      const { value } = result;
      if (typeof value !== "object" || value === null) {
        throw new PortcullisError("parameters", "The schema of the parameters turned them into something else.");
      }
      return { ok: true, value: this.#extras === undefined ? (value as Values) : { ...value, ...this.#extras } };
    }
    const faults = this.#faults ?? [];
    for (const issue of result.issues) {
      const keys = (issue.path ?? []).map((part) => String(typeof part === "object" ? part.key : part));
      const [first = ""] = keys;
      // What did not convert is missing for the schema; that is told already.
      if (this.#faulty?.has(first) === true) continue;
      const name = shown(keys.join("."));
      if (keys.length === 1 && !(first in this.values)) faults.push({ name, code: "missing", message: "is required" });
      else faults.push({ name, code: "invalid", message: issue.message, own: true });
      if (faults.length >= MOST_FIELDS) break;
    }
    return { ok: false, faults };
  }
}

/** An input that was left empty, or a file input without a file. */
function isBlank(value: string | File): boolean {
  return typeof value === "string" ? value === "" : value.name === "" && value.size === 0;
}

function shown(name: string): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;
}
