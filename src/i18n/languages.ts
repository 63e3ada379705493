import type { Account } from "../model/account.ts";
import { ConfigurationError } from "../model/errors.ts";
import { knownNames } from "../model/known-names.ts";
import { type Catalogue, checkTexts, type Layer, layeredCatalogue, type MessageKey, type Texts } from "./catalogue.ts";
import { accepted, lookUp } from "./negotiation.ts";
import { loadTranslation, type ShippedLanguage, shippedLanguages } from "./shipped.ts";

/** What the choice of a language looks at. */
export interface LanguageRequest {
  header(name: string): string | undefined;
}

/** A BCP 47 tag; those of the shipped languages are proposed by editors. */
export type LanguageTag = ShippedLanguage | (string & {});

/** In which languages a system answers, and which of them a caller gets. */
export interface LanguageOptions<Request extends LanguageRequest> {
  /**
   * The languages that the application speaks; default all that are shipped and all of its own. A tag with a region, such
   * as "pt-BR", takes the texts of its language.
   */
  readonly offered?: readonly LanguageTag[];
  /** For callers who ask for nothing that is offered; default "en" where it is offered, else the first one offered. */
  readonly default?: LanguageTag;
  /** The language for a request, such as the user's own; undefined or one that is not offered: `Accept-Language`. */
  readonly choose?: (rq: Request) => string | undefined;
  /**
   * The language of mails to this user, such as a column of yours; undefined or one that is not offered: what the account
   * keeps (`mailLanguage`), then the default.
   */
  readonly ofUser?: (user: Account & Readonly<Record<string, unknown>>) => string | undefined;
  /** Texts in further languages, by BCP 47 tag. What is missing there is taken from the language without region, then from English. */
  readonly own?: Readonly<Record<string, Texts>>;
}

/** An application's wording: of the default language by key, of any language by its tag. */
export type MessageOptions = Texts & { readonly [L in ShippedLanguage]?: Texts };

/** The catalogues of a running system, one for each language that it offers. */
export interface Catalogues<Request extends LanguageRequest = LanguageRequest> {
  /** The languages' BCP 47 tags; the default one is first. */
  readonly offered: readonly string[];
  /** The catalogue for a caller who asked for nothing that is offered. */
  readonly default: Catalogue;
  /** The catalogue for a language by BCP 47 lookup ("de-AT" finds "de"); undefined when it is not offered. */
  get(language: string): Catalogue | undefined;
  /** By the application's choice, else by `Accept-Language`, else the default. Never throws. */
  for(rq: Request): Catalogue;
  /** The same without the default; undefined: nothing that is offered was asked for. */
  asked(rq: Request): Catalogue | undefined;
  /** For what goes to this user, whoever caused it: by the application, else by what the account keeps, else the default. Never throws. */
  ofUser(user: Account): Catalogue;
}

type Log = (message: string, details?: Record<string, unknown>) => void;

/**
 * Loads the catalogues of the languages that are offered. Throws ConfigurationError `languages.…` or `messages.…` for an
 * unknown language and for a text that does not fit its key.
 */
export async function createCatalogues<Request extends LanguageRequest>(
  languages: LanguageOptions<Request>,
  messages: MessageOptions,
  log: Log,
): Promise<Catalogues<Request>> {
  const own = ownTexts(languages.own ?? {});
  const offered = offeredTags(languages.offered, own);
  const first = defaultTag(languages.default, offered);
  const wording = wordingOf(messages, first, own);
  const byTag = new Map<string, Catalogue>();
  for (const tag of new Set([first, ...offered])) {
    byTag.set(tag.toLowerCase(), await load(tag, own, wording));
  }
  const catalogues = [...byTag.values()];
  // Who asks for "pt" is well served with "pt-BR", which a lookup alone would not find.
  for (const catalogue of catalogues) {
    const [language = ""] = catalogue.language.toLowerCase().split("-", 1);
    if (!byTag.has(language)) byTag.set(language, catalogue);
  }
  const standard = catalogues[0] ?? layeredCatalogue("en", []);
  const chosen = chooser("languages.choose", languages.choose, byTag, log);
  const set = chooser("languages.ofUser", languages.ofUser, byTag, log);
  const asked = (rq: Request): Catalogue | undefined => chosen(rq) ?? accepted(rq.header("accept-language"), byTag);
  return {
    offered: catalogues.map(({ language }) => language),
    default: standard,
    get: (language) => lookUp(byTag, language),
    for: (rq) => asked(rq) ?? standard,
    asked,
    ofUser: (user) =>
      set(user as Account & Readonly<Record<string, unknown>>) ??
      (typeof user.mailLanguage === "string" ? lookUp(byTag, user.mailLanguage) : undefined) ??
      standard,
  };
}

function chooser<Of>(
  option: string,
  choose: ((of: Of) => string | undefined) | undefined,
  byTag: ReadonlyMap<string, Catalogue>,
  log: Log,
): (of: Of) => Catalogue | undefined {
  if (choose === undefined) return () => undefined;
  return (of) => {
    try {
      const language: unknown = choose(of);
      return typeof language === "string" ? lookUp(byTag, language) : undefined;
    } catch (error) {
      // The language is no matter of security: the answer, or the mail, goes out in the next best one.
      log(`${option} failed`, { error: String(error) });
      return undefined;
    }
  };
}

/** The application's catalogues by canonical tag. */
function ownTexts(own: Readonly<Record<string, Texts>>): ReadonlyMap<string, Texts> {
  const byTag = new Map<string, Texts>();
  for (const [tag, texts] of Object.entries(own)) {
    const path = `languages.own.${tag}`;
    const canonical = canonicalTag(path, tag);
    if (isShipped(canonical)) throw new ConfigurationError(path, `is shipped; put your wording into messages.${tag}`);
    if (byTag.has(canonical)) throw new ConfigurationError(path, "is there twice");
    if (!isRecord(texts)) throw new ConfigurationError(path, "an object of texts by message key is expected");
    checkTexts(path, canonical, texts);
    byTag.set(canonical, texts);
  }
  return byTag;
}

function offeredTags(given: unknown, own: ReadonlyMap<string, Texts>): readonly string[] {
  if (given === undefined) return [...shippedLanguages, ...own.keys()];
  if (!Array.isArray(given) || given.length === 0) {
    throw new ConfigurationError("languages.offered", 'a list of languages is expected, such as ["en", "de"]');
  }
  const tags = new Set<string>();
  for (const [index, tag] of given.entries()) {
    const path = `languages.offered[${index}]`;
    const canonical = canonicalTag(path, tag);
    if (sources(canonical, own).length === 0) throw new ConfigurationError(path, unknownLanguage(canonical, own));
    if (tags.has(canonical)) throw new ConfigurationError(path, `"${canonical}" is there twice`);
    tags.add(canonical);
  }
  return [...tags];
}

function defaultTag(given: unknown, offered: readonly string[]): string {
  if (given === undefined) return offered.includes("en") ? "en" : (offered[0] ?? "en");
  const canonical = canonicalTag("languages.default", given);
  if (offered.includes(canonical)) return canonical;
  throw new ConfigurationError("languages.default", `"${canonical}" is not offered; offered: ${offered.join(", ")}`);
}

/** The application's wording by language, checked. */
function wordingOf(
  messages: Readonly<Record<string, unknown>>,
  standard: string,
  own: ReadonlyMap<string, Texts>,
): ReadonlyMap<string, Texts> {
  const ofDefault: Record<string, unknown> = {};
  const byTag = new Map<string, Texts>();
  for (const [name, value] of Object.entries(messages)) {
    if (value === undefined) continue;
    // Keys are in capitals, languages begin with small letters.
    if (!isRecord(value) && !isShipped(name)) {
      ofDefault[name] = value;
      continue;
    }
    const path = `messages.${name}`;
    if (!isRecord(value)) throw new ConfigurationError(path, "an object of texts by message key is expected");
    if (!isShipped(name)) throw new ConfigurationError(path, unknownLanguage(name, own));
    checkTexts(path, name, value);
    byTag.set(name, value as Texts);
  }
  checkTexts("messages", standard, ofDefault);
  byTag.set(standard, { ...byTag.get(standard), ...(ofDefault as Partial<Record<MessageKey, string>>) });
  return byTag;
}

async function load(
  tag: string,
  own: ReadonlyMap<string, Texts>,
  wording: ReadonlyMap<string, Texts>,
): Promise<Catalogue> {
  const layers: Layer[] = [];
  for (const language of [...new Set([tag, ...sources(tag, own)])]) {
    const ofApplication = wording.get(language);
    if (ofApplication !== undefined) layers.push({ language, texts: ofApplication });
    layers.push({ language, texts: own.get(language) ?? (await loadTranslation(language)) });
  }
  return layeredCatalogue(tag, layers);
}

/** The languages with texts that stand behind a tag: itself, and what it is by lookup. "pt-BR" has those of "pt". */
function sources(tag: string, own: ReadonlyMap<string, Texts>): readonly string[] {
  const parts = tag.split("-");
  const shorter = parts.map((_, index) => parts.slice(0, parts.length - index).join("-"));
  return shorter.filter((candidate) => own.has(candidate) || isShipped(candidate));
}

function unknownLanguage(tag: string, own: ReadonlyMap<string, Texts>): string {
  const known = [...shippedLanguages, ...own.keys()];
  return `there are no texts for "${tag}"; ${knownNames(tag, known)}; bring others with languages.own`;
}

function canonicalTag(path: string, tag: unknown): string {
  try {
    const [canonical] = typeof tag === "string" ? Intl.getCanonicalLocales(tag) : [];
    if (canonical !== undefined) return canonical;
  } catch {
    // told below, for every kind of wrong value alike
  }
  throw new ConfigurationError(path, 'must be a BCP 47 tag such as "en" or "pt-BR"');
}

function isShipped(tag: string): boolean {
  return (shippedLanguages as readonly string[]).includes(tag);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
