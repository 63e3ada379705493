import { type Catalogue, createCatalogue, type MessageKey } from "./catalogue.ts";
import { accepted, lookUp } from "./negotiation.ts";

/** What the choice of a language looks at. */
export interface LanguageRequest {
  header(name: string): string | undefined;
}

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
}

/** What `createCatalogues` is told. */
export interface CatalogueOptions<Request extends LanguageRequest> {
  readonly messages?: Partial<Record<MessageKey, string>> | undefined;
  /** The application's choice for a request. */
  readonly choose?: ((rq: Request) => string | undefined) | undefined;
  readonly log: (message: string, details?: Record<string, unknown>) => void;
}

/** Loads the catalogues of the languages that are offered. Throws ConfigurationError for a wrong option. */
export async function createCatalogues<Request extends LanguageRequest>(
  options: CatalogueOptions<Request>,
): Promise<Catalogues<Request>> {
  const standard = createCatalogue(options.messages);
  const byTag: ReadonlyMap<string, Catalogue> = new Map([[standard.language.toLowerCase(), standard]]);
  const { choose, log } = options;
  const chosen = (rq: Request): Catalogue | undefined => {
    if (choose === undefined) return undefined;
    try {
      const language = choose(rq);
      return typeof language === "string" ? lookUp(byTag, language) : undefined;
    } catch (error) {
      // The language is no matter of security: the caller gets an answer, in the language that the browser asks for.
      log("languages.choose failed", { error: String(error) });
      return undefined;
    }
  };
  return {
    offered: [...byTag.values()].map(({ language }) => language),
    default: standard,
    get: (language) => lookUp(byTag, language),
    for: (rq) => chosen(rq) ?? accepted(rq.header("accept-language"), byTag) ?? standard,
  };
}
