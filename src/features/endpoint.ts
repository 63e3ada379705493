import type { Remedy } from "../authn/gates.ts";
import type { EndpointLimits } from "../authn/limits/options.ts";
import type { SignInOutcome } from "../authn/sign-in.ts";
import type { Guard } from "../authz/guard.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { MessageKey } from "../i18n/catalogue.ts";
import type { Awaitable } from "../model/awaitable.ts";
import type { Json } from "../routes/openapi/json.ts";
import type { ListView, PageLink, Pages, SectionView } from "../views/contract.ts";
import type { Kernel } from "./feature.ts";
import type { Fault, Field, FieldValues } from "./fields.ts";

/** What an endpoint answers: never a Response, so that pages and JSON always say the same. */
export type Answer =
  | {
      readonly kind: "done";
      /** Shown on the next page. */
      readonly message?: Fault;
      /** The members of `response` in JSON. */
      readonly response?: Readonly<Record<string, unknown>>;
      /** Where a page goes on, unless the request says `next`. */
      readonly to: string;
      /** False: `next` is not followed. */
      readonly followNext?: boolean;
      /** 201: something was made (JSON only). Default 200. */
      readonly status?: 200 | 201;
    }
  | {
      readonly kind: "invalid";
      readonly fields?: Readonly<Record<string, readonly Fault[]>>;
      readonly form?: readonly Fault[];
      /** What can be done about it: a page shows it as a button. */
      readonly offer?: Offer;
      /** What JSON gets beside the errors. */
      readonly response?: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: "notFound" }
  | {
      /** It can't be, whatever the fields say: a message with a status. */
      readonly kind: "failed";
      readonly status: 401 | 403 | 409;
      readonly key: MessageKey;
      /** Where its page offers to go on. */
      readonly links?: readonly PageLink[];
    }
  | {
      readonly kind: "goTo";
      readonly to: string;
      /** Shown on the page there. */
      readonly message?: Fault;
    }
  | {
      /** A file for its owner, as JSON. */
      readonly kind: "download";
      readonly filename: string;
      /** An object goes out as JSON, a text as CSV (RFC 4180). */
      readonly content: Readonly<Record<string, unknown>> | string;
    }
  | {
      /** HTML that somebody else made, shown in a document of its own that can do nothing. */
      readonly kind: "document";
      readonly html: string;
    };

/** A button that a page offers where a form is refused: it posts `fields` to another endpoint. */
export interface Offer {
  readonly path: string;
  readonly text: MessageKey;
  readonly label: MessageKey;
  readonly fields: Readonly<Record<string, string>>;
}

/** It is done: a page shows the message and goes on, JSON gets 200 with the members. */
export function done(
  to: string,
  options: {
    readonly message?: Fault;
    readonly response?: Readonly<Record<string, unknown>>;
    readonly followNext?: boolean;
    readonly status?: 200 | 201;
  } = {},
): Answer {
  return { kind: "done", to, ...options };
}

/** Something is wrong with these fields (or with the form as a whole): the page again, or 400 with `field_errors`. */
export function invalid(fields: Readonly<Record<string, readonly Fault[]>>, form: readonly Fault[] = []): Answer {
  return { kind: "invalid", fields, form };
}

/** The form as a whole is refused. */
export function refused(key: MessageKey): Answer {
  return { kind: "invalid", form: [{ key }] };
}

/**
 * A file to be kept: JSON, or CSV when the content is a text. JSON clients get an object as the answer itself. `filename`:
 * ASCII letters, digits, `.` and `-`.
 */
export function download(filename: string, content: Readonly<Record<string, unknown>> | string): Answer {
  return { kind: "download", filename, content };
}

/** HTML that somebody else made, such as a mail's: no script, no forms, nothing loaded, an origin of its own. */
export function document(html: string): Answer {
  return { kind: "document", html };
}

/** The page goes elsewhere, where the message is shown. */
export function goTo(to: string, message?: Fault): Answer {
  return message === undefined ? { kind: "goTo", to } : { kind: "goTo", to, message };
}

/** Whoever it is can't have it (401, 403), or the state of things is against it (409). */
export function failed(status: 401 | 403 | 409, key: MessageKey, links: readonly PageLink[] = []): Answer {
  return { kind: "failed", status, key, links };
}

/** There is no such thing, or none that is the caller's: 404. */
export function notFound(): Answer {
  return { kind: "notFound" };
}

/** What the API's description says of an endpoint's JSON answers: the members of `response`, as JSON Schema by name. */
export interface EndpointAnswers {
  /** Of a GET, beside `csrf_token` and, for who is signed in, `user`. */
  readonly shown?: Json;
  /** Of a request that did what it was for. */
  readonly done?: Json;
  /** True: it may end in a sign-in that waits for something more, whose answer has `pending`. */
  readonly pending?: boolean;
  /** True: with `?include_auth_token` an auth token stands in `user`. */
  readonly token?: boolean;
  /** Statuses with which it may refuse, beside 400 and what its guard says. */
  readonly failures?: readonly (401 | 403 | 404 | 409)[];
  /** Of what went well; default 200. */
  readonly status?: 201;
}

/** What an endpoint's functions are given. */
export interface EndpointRequest<Fields extends Readonly<Record<string, Field<unknown>>>> {
  readonly rq: SecurityRequest;
  readonly fields: FieldValues<Fields>;
  /** Everything that the body held, for fields that the application declares. */
  readonly body: Readonly<Record<string, unknown>>;
  /** `next`, checked: a path of this server or a URL on a configured origin. */
  readonly next: string | undefined;
}

/** The methods of endpoints; PATCH and DELETE are for those that speak JSON only. */
export type EndpointMethod = "GET" | "POST" | "PATCH" | "DELETE";

/** One page-and-JSON endpoint of the account system. The engine does the rest: method, negotiation, body, CSRF, headers, rendering. */
export interface Endpoint {
  readonly name: string;
  readonly path: string;
  readonly methods: readonly EndpointMethod[];
  readonly authz: Guard;
  readonly authn?: readonly string[];
  /** Undefined: it speaks JSON only. */
  readonly page: keyof Pages | undefined;
  readonly title: MessageKey;
  /** For the API's description; default: made of the title. */
  readonly summary?: string;
  /** The sentence above the form. */
  intro(rq: SecurityRequest): Awaitable<Fault | undefined>;
  readonly submitLabel: MessageKey;
  readonly fields: Readonly<Record<string, Field<unknown>>>;
  /** True: what is sent beside the fields is a fault, so that a misspelt one does not pass for done. */
  readonly strict?: boolean;
  readonly limits?: EndpointLimits;
  /** So many bytes its body may have, where those of every account endpoint are too few: see `bodyFor`. */
  readonly bodyBytes?: number;
  /** The path of the page whose buttons post here, where it has none of its own. */
  back?(): string | undefined;
  readonly answers?: EndpointAnswers;
  /** Whose form it is, where it does not ask for that: for password managers. */
  account(rq: SecurityRequest): Awaitable<string | undefined>;
  /**
   * What of this browser's the form acts for, where that is not who is signed in, such as a sign-in that waits: the form
   * names it, and one that names another is shown again and does nothing. Undefined as its answer: there is none.
   */
  shownFor?: (rq: SecurityRequest) => Awaitable<string | undefined>;
  /** What it ends is over for who is not signed in: what they are told, and a form that is sent twice needs no token. */
  readonly doneForNobody?: MessageKey;
  /** Rows with buttons, above the form. */
  list(rq: SecurityRequest): Awaitable<ListView | undefined>;
  /** What the page shows beside or without a form. */
  sections?: (rq: SecurityRequest) => Awaitable<readonly SectionView[]>;
  /** The other pages of this part of the site. */
  nav?: (rq: SecurityRequest) => readonly PageLink[];
  /** What stands in the fields of an untouched form. */
  initial?: (rq: SecurityRequest) => Awaitable<Readonly<Record<string, unknown>>>;
  /** Fields that the page of this request does not show. */
  omits?: (rq: SecurityRequest) => Awaitable<readonly string[]>;
  /** The page needs room for tables. */
  readonly wide?: boolean;
  /** Also for an administrator who acts as the user; default false: none of the account's pages is theirs. */
  readonly whileImpersonating?: boolean;
  /** Links below the form. */
  links(rq: SecurityRequest, next: string | undefined): readonly PageLink[];
  /** Before a GET is answered: what JSON gets, or an answer in its place. */
  show(rq: SecurityRequest): Awaitable<Answer | Readonly<Record<string, unknown>>>;
  submit(request: EndpointRequest<Readonly<Record<string, Field<unknown>>>>): Awaitable<Answer>;
}

/** What a feature writes down; what is left out has a default. */
export interface EndpointDefinition<Fields extends Readonly<Record<string, Field<unknown>>>> {
  readonly name: string;
  readonly path: string;
  /** Default GET and POST. */
  readonly methods?: readonly ("GET" | "POST")[];
  readonly authz: Guard;
  readonly authn?: readonly string[];
  readonly page: keyof Pages;
  readonly title: MessageKey;
  /** See Endpoint. */
  readonly summary?: string;
  /** The sentence above the form: the key of a text without parameters, or what says it for this request. */
  readonly intro?: MessageKey | ((rq: SecurityRequest) => Awaitable<Fault | undefined>);
  readonly submitLabel: MessageKey;
  readonly fields: Fields;
  /** How often it may be submitted; past that the answer is 429 with Retry-After. */
  readonly limits?: EndpointLimits;
  /** See Endpoint. */
  readonly bodyBytes?: number;
  /** The path of the page whose buttons post here, where it has none of its own: after a new proof the caller returns to it. */
  readonly back?: () => string | undefined;
  /** For the API's description. */
  readonly answers?: EndpointAnswers;
  /** Whose form it is; default: who is signed in. */
  readonly account?: (rq: SecurityRequest) => Awaitable<string | undefined>;
  /** See Endpoint. */
  readonly shownFor?: (rq: SecurityRequest) => Awaitable<string | undefined>;
  /** See Endpoint. */
  readonly doneForNobody?: MessageKey;
  /** Rows with buttons. A page that has these and no fields shows no form. */
  readonly list?: (rq: SecurityRequest) => Awaitable<ListView | undefined>;
  readonly sections?: (rq: SecurityRequest) => Awaitable<readonly SectionView[]>;
  readonly nav?: (rq: SecurityRequest) => readonly PageLink[];
  readonly initial?: (rq: SecurityRequest) => Awaitable<Readonly<Record<string, unknown>>>;
  readonly omits?: (rq: SecurityRequest) => Awaitable<readonly string[]>;
  readonly wide?: boolean;
  readonly whileImpersonating?: boolean;
  readonly links?: (rq: SecurityRequest, next: string | undefined) => readonly PageLink[];
  readonly show?: (rq: SecurityRequest) => Awaitable<Answer | Readonly<Record<string, unknown>>>;
  readonly submit: (request: EndpointRequest<Fields>) => Awaitable<Answer>;
}

/** Declares an endpoint. */
export function endpoint<const Fields extends Readonly<Record<string, Field<unknown>>>>(
  definition: EndpointDefinition<Fields>,
): Endpoint {
  const { links, list, show, submit, intro, account, methods, ...rest } = definition;
  return {
    ...rest,
    intro: typeof intro === "function" ? intro : () => (intro === undefined ? undefined : { key: intro }),
    methods: methods ?? ["GET", "POST"],
    account: account ?? ((rq) => rq.identity?.account.email),
    list: list ?? (() => undefined),
    links: links ?? (() => []),
    show: show ?? (() => ({})),
    // The engine parses exactly these fields, so the values are of their types.
    submit: (request) => submit(request as unknown as EndpointRequest<Fields>),
  };
}

/**
 * Declares an endpoint for programs alone: fields as JSON (of a GET, in the query), answered in JSON. It has no page, and
 * `submit` answers every method.
 */
export function jsonEndpoint<const Fields extends Readonly<Record<string, Field<unknown>>>>(
  definition: Pick<
    EndpointDefinition<Fields>,
    | "summary"
    | "name"
    | "path"
    | "authz"
    | "authn"
    | "fields"
    | "limits"
    | "bodyBytes"
    | "answers"
    | "submit"
    | "whileImpersonating"
  > & {
    /** Default POST. */
    readonly method?: EndpointMethod;
    /** See Endpoint. */
    readonly strict?: boolean;
  },
): Endpoint {
  const { method = "POST", strict = false, ...rest } = definition;
  return {
    ...endpoint({ ...rest, page: "error", title: "API_ERROR", submitLabel: "API_ERROR" }),
    methods: [method],
    strict,
    page: undefined,
  };
}

/** The bytes of a body with so many UTF-16 units more than usual: each may be three bytes, percent-encoded (RFC 3986 2.1). */
export function bodyFor({ system }: Pick<Kernel, "system">, units: number): number {
  return system.accountBytes + 9 * units;
}

/** How a sign-in ended, as an answer: the same for every way to become somebody. */
export function outcomeAnswer(
  rq: SecurityRequest,
  outcome: SignInOutcome,
  options: {
    readonly to: string;
    readonly message?: Fault;
    /** What a refused sign-in is told: see `refusedSignIn`. */
    readonly refusal: (key: MessageKey, remedy: Remedy | undefined) => Answer;
  },
): Answer {
  switch (outcome.kind) {
    case "signedIn": {
      const { account } = outcome.identity;
      const token = outcome.token === undefined ? {} : { authentication_token: outcome.token, ...outcome.members };
      return done(options.to, {
        ...(options.message === undefined ? {} : { message: options.message }),
        response: {
          user: { ...account.securityPayload(), ...token },
          // Without a session there is nothing that a browser would send along by itself.
          ...(outcome.identity.session === undefined ? {} : { csrf_token: rq.system.csrf.token(rq) }),
          tf_required: false,
        },
      });
    }
    case "pending":
      return done(outcome.path, { response: { ...outcome.answer }, followNext: false });
    case "refused":
      return options.refusal(outcome.key, outcome.remedy);
  }
}
