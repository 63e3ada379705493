import type { SecurityRequest } from "../http/request.ts";
import { ConfigurationError } from "../model/errors.ts";
import { checkKnown } from "../model/known-names.ts";

/** A path on this server, or a function of the request. */
export type Destination = string | ((rq: SecurityRequest) => string);

/** Where pages go on when the request says no `next`. */
export interface DestinationOptions {
  /** Default "/". */
  readonly afterSignIn?: Destination;
  /** Default "/". */
  readonly afterSignOut?: Destination;
  /** Default: the page to sign in, or "/" for who is signed in by it. */
  readonly afterRegister?: Destination;
  /** After an address was confirmed; default: the page to sign in, or `afterSignIn` for who is signed in. */
  readonly afterConfirm?: Destination;
  /** After a new password was set by mail; default as with `afterConfirm`. */
  readonly afterReset?: Destination;
  /** After a change of password, e-mail address or username; default `afterSignIn`. */
  readonly afterChangePassword?: Destination;
  readonly afterChangeEmail?: Destination;
  readonly afterChangeUsername?: Destination;
  /** Where a link that can't be used leads; default: the page that mails a new one. */
  readonly confirmError?: Destination;
  readonly resetError?: Destination;
  readonly changeEmailError?: Destination;
  readonly signInError?: Destination;
  /** A page of your own for 403, instead of the built-in one. */
  readonly unauthorized?: string;
}

/** The names of all of them. */
const destinationNames: readonly string[] = [
  ...(["afterSignIn", "afterSignOut", "afterRegister", "afterConfirm", "afterReset"] as const),
  ...(["afterChangePassword", "afterChangeEmail", "afterChangeUsername"] as const),
  ...(["confirmError", "resetError", "changeEmailError", "signInError", "unauthorized"] as const),
] satisfies (keyof DestinationOptions)[];

/**
 * A single-page client that draws the pages itself: what a mailed link came to is told to it in the query of one of its
 * own pages (`success`, `error` or `info`, with `email` and `identity` where somebody is known by the link).
 */
export interface SpaOptions {
  /** Where the client is served: one of `origins`. The destinations are paths there. */
  readonly origin: string;
  /** The client's own pages behind mailed links: each gets the link's `token` in the query and posts it as JSON. */
  readonly pages?: Readonly<Partial<Record<SpaPage, string>>>;
}

/** The links for which a single-page client may have a page of its own. */
export type SpaPage = "reset" | "confirm" | "signIn" | "changeEmail" | "unlock";

const spaPages: readonly string[] = ["reset", "confirm", "signIn", "changeEmail", "unlock"] satisfies SpaPage[];

/** What a link came to, for a single-page client. */
export interface LinkResult {
  readonly category: "success" | "info" | "error";
  readonly text: string;
  readonly email?: string;
}

/** Where pages go on. */
export interface Destinations {
  afterSignIn(rq: SecurityRequest): string;
  afterSignOut(rq: SecurityRequest): string;
  afterRegister(rq: SecurityRequest): string;
  /** What the option says; undefined where it says nothing. */
  chosen(name: keyof DestinationOptions, rq: SecurityRequest): string | undefined;
  /** The single-page client's own page behind a mailed link; undefined: ours is shown. */
  spaPage(page: SpaPage, token: string): string | undefined;
  /** Where the browser goes after a link was used or refused: with a single-page client, the result is in the query. */
  withResult(path: string, result: LinkResult): string | undefined;
}

/** Makes the destinations. Throws ConfigurationError. */
export function createDestinations(
  options: DestinationOptions = {},
  spa: SpaOptions | undefined,
  origins: readonly string[],
): Destinations {
  checkDestinations(options);
  checkSpa(spa, origins);
  const of = (name: keyof DestinationOptions, rq: SecurityRequest): string | undefined => {
    const destination = options[name];
    // What a function makes may hold what a request said: it passes the check that every target from input passes.
    return typeof destination === "function" ? rq.system.redirects.safe(destination(rq)) : destination;
  };
  return {
    afterSignIn: (rq) => of("afterSignIn", rq) ?? "/",
    afterSignOut: (rq) => of("afterSignOut", rq) ?? "/",
    afterRegister: (rq) => of("afterRegister", rq) ?? "/",
    chosen: of,
    spaPage(page, token) {
      const path = spa?.pages?.[page];
      return spa === undefined || path === undefined ? undefined : withQuery(`${spa.origin}${path}`, { token });
    },
    withResult(path, { category, text, email }) {
      if (spa === undefined) return undefined;
      const who = email === undefined ? {} : { email, identity: email };
      // A page elsewhere is no page of the client's.
      return withQuery(path.startsWith("/") ? `${spa.origin}${path}` : spa.origin, { [category]: text, ...who });
    },
  };
}

function withQuery(target: string, values: Readonly<Record<string, string>>): string {
  return `${target}${target.includes("?") ? "&" : "?"}${new URLSearchParams(values)}`;
}

function checkDestinations(options: DestinationOptions): void {
  checkKnown("destinations", options, destinationNames);
  for (const [name, value] of Object.entries(options)) {
    const path = `destinations.${name}`;
    if (value === undefined || (typeof value === "function" && name !== "unauthorized")) continue;
    if (typeof value !== "string" || !/^\/(?![/\\])/.test(value)) {
      throw new ConfigurationError(path, "a path that starts with one / is expected");
    }
  }
}

function checkSpa(spa: SpaOptions | undefined, origins: readonly string[]): void {
  if (spa === undefined) return;
  checkKnown("spa", spa, ["origin", "pages"]);
  if (!origins.includes(spa.origin)) {
    throw new ConfigurationError("spa.origin", `must be one of origins (${origins.join(", ")}); add it there`);
  }
  checkKnown("spa.pages", spa.pages ?? {}, spaPages, "page");
  for (const [page, path] of Object.entries(spa.pages ?? {})) {
    if (typeof path !== "string" || !/^\/(?![/\\])/.test(path)) {
      throw new ConfigurationError(`spa.pages.${page}`, "a path that starts with one / is expected");
    }
  }
}
