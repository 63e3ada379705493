import type { Remedy } from "../authn/gates.ts";
import { sessionOnly } from "../authn/scheme.ts";
import type { SignInOutcome } from "../authn/sign-in.ts";
import { open } from "../authz/guards/open.ts";
import type { Operations } from "../datastore/contract.ts";
import { isUnsafe } from "../http/csrf.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { MessageKey } from "../i18n/catalogue.ts";
import { type Account, displayName } from "../model/account.ts";
import type { Awaitable } from "../model/awaitable.ts";
import type { Ticket } from "../model/session.ts";
import type { Pages } from "../views/contract.ts";
import { flag } from "./answers.ts";
import type { SpaPage } from "./destinations.ts";
import {
  type Answer,
  done,
  type Endpoint,
  type EndpointAnswers,
  type EndpointRequest,
  endpoint,
  failed,
  goTo,
  outcomeAnswer,
  refused,
} from "./endpoint.ts";
import type { Kernel } from "./feature.ts";
import type { Fault, Field } from "./fields.ts";
import { withNext } from "./form-page.ts";

/** A mailed link that was opened and is good. */
export interface OpenLink {
  readonly ticket: Ticket;
  /** Whose it is. */
  readonly account: Account;
  /** Consumes it: of many at once exactly one gets true. */
  redeem(tx?: Operations): Promise<boolean>;
}

/** What is behind a mailed link. */
export interface LinkDefinition<Fields extends Readonly<Record<string, Field<unknown>>>> {
  readonly name: string;
  /** "/reset": the link is `/reset/<token>`. */
  readonly path: string;
  /** The purpose of its tickets. */
  readonly purpose: string;
  readonly page: keyof Pages;
  readonly title: MessageKey;
  /** The sentence above the form; `email` is whose link it is. A function where it depends on the link or on who opened it. */
  readonly intro:
    | MessageKey
    | ((link: OpenLink, rq: SecurityRequest) => Awaitable<Fault & { readonly key: MessageKey }>);
  /** What JSON is shown of an open link. */
  readonly shown?: (link: OpenLink) => Awaitable<Readonly<Record<string, unknown>>>;
  readonly submitLabel: MessageKey;
  readonly fields: Fields;
  /** Whether the holder must show more than the link: else the page has none of the fields. `introAsking` stands above them then. */
  readonly asks?: (rq: SecurityRequest, link: OpenLink) => Awaitable<boolean>;
  readonly introAsking?: MessageKey;
  /** What somebody is told whose link can't be used (any more). */
  readonly invalid: MessageKey;
  /** Where they are sent. */
  readonly invalidTo: (rq: SecurityRequest) => string;
  /** The page that a single-page client may have instead of ours. */
  readonly spaPage?: SpaPage;
  /** For the API's description. */
  readonly answers?: EndpointAnswers;
  readonly submit: (request: EndpointRequest<Fields> & { readonly link: OpenLink }) => Awaitable<Answer>;
}

/** In the place of the token, once that has left the address bar: the ticket's id, which says whose page it is. */
const openedPath = /^open-([\w-]{22})$/;
const linkId = /^[\w-]{22}$/;
/** How long a cookie holds an opened link, in seconds: the page may stay open for so long. */
const cookieLife = 3_600;
/** What that cookie holds once its link has done its work in this browser. It is no secret's text: they are longer. */
const usedMark = "used";
/** So many opened links one browser keeps; the page of one that has made room asks for the mail's link again. */
const mostOpened = 8;

/**
 * The endpoint behind a mailed link. GET consumes nothing, since mail scanners and previews follow links too. It takes the
 * token out of the address bar before anything else is loaded: its id stays there, its secret goes into a cookie of its own
 * that no script reads, so that neither the browser's history nor a Referer holds it, and of several links that are open in
 * one browser each page acts for its own. The page has a button (and fields), whose POST consumes the link. JSON clients
 * post to `/path/<token>`.
 */
export function linkEndpoint<const Fields extends Readonly<Record<string, Field<unknown>>>>(
  kernel: Kernel,
  definition: LinkDefinition<Fields>,
): Endpoint {
  const { name, purpose, invalid, spaPage } = definition;
  const { system, tickets, destinations } = kernel;
  const base = (): string => (kernel.path(name) ?? definition.path).replace("/:token", "");
  const inPath = (rq: SecurityRequest): string => rq.context?.req.param("token") ?? "";
  const openedId = (rq: SecurityRequest): string | undefined => openedPath.exec(inPath(rq))?.[1];
  const presented = (rq: SecurityRequest): string => {
    const id = openedId(rq);
    return id === undefined ? inPath(rq) : `${id}.${rq.cookie(system.cookies.link(id)) ?? ""}`;
  };
  const clear = (rq: SecurityRequest): void => {
    const id = openedId(rq);
    if (id !== undefined) rq.clearCookie(system.cookies.link(id), system.cookies.attributes());
  };
  /** In the place of its secret: another page of this link, or the mail opened again, can say what became of it. */
  const markUsed = (rq: SecurityRequest): void => {
    const id = openedId(rq);
    if (id !== undefined) rq.setCookie(system.cookies.link(id), usedMark, system.cookies.attributes(cookieLife));
  };
  const usedHere = (rq: SecurityRequest): boolean => {
    const id = openedId(rq) ?? inPath(rq).split(".", 1)[0] ?? "";
    return linkId.test(id) && rq.cookie(system.cookies.link(id)) === usedMark;
  };

  const look = async (rq: SecurityRequest): Promise<OpenLink | undefined> => {
    const text = presented(rq);
    const ticket = await tickets.peek(purpose, text);
    if (ticket === undefined || ticket.userId === null) return undefined;
    const account = await kernel.users.get(ticket.userId);
    // Who is shut out comes back in by no link; and it is the account as it was when the link was mailed, or none.
    if (account === undefined || !account.active || account.fsUniquifier !== ticket.uniquifier) return undefined;
    return {
      ticket,
      account,
      redeem: async (tx) => (await tickets.redeem(purpose, text, tx === undefined ? {} : { tx })) !== undefined,
    };
  };

  const found = new WeakMap<SecurityRequest, Promise<OpenLink | undefined>>();
  /** Looked at once for a request, so that all parts of its page say the same. Redeeming looks again. */
  const find = (rq: SecurityRequest): Promise<OpenLink | undefined> => {
    const link = found.get(rq) ?? look(rq);
    found.set(rq, link);
    return link;
  };

  const asked = new WeakMap<OpenLink, Promise<boolean>>();
  const asks = (rq: SecurityRequest, link: OpenLink): Promise<boolean> => {
    const answer = asked.get(link) ?? (async () => (await definition.asks?.(rq, link)) === true)();
    asked.set(link, answer);
    return answer;
  };

  /** The link is good, but its secret is not in this browser: it was opened in another one, or too many after it. */
  const openedElsewhere = async (rq: SecurityRequest): Promise<boolean> => {
    const id = openedId(rq);
    const [ticket] = id === undefined ? [] : await tickets.waiting(purpose, { id });
    if (ticket === undefined || ticket.userId === null) return false;
    return (await kernel.users.get(ticket.userId))?.active === true;
  };

  const refuse = async (rq: SecurityRequest): Promise<Answer> => {
    const to = definition.invalidTo(rq);
    if (await openedElsewhere(rq)) {
      // A page of a single-page client's may be on another origin.
      const links = to.startsWith("/") ? [{ href: to, text: rq.text("LINK_GO_ON") }] : [];
      return failed(409, "LINK_OPEN_AGAIN", links);
    }
    if (!rq.wantsJson && usedHere(rq)) {
      const inside = (await system.identify(rq, sessionOnly)) !== undefined;
      const on = inside ? undefined : kernel.path("login");
      return linkRefusal(kernel, rq, on ?? destinations.afterSignIn(rq), "LINK_USED");
    }
    clear(rq);
    return linkRefusal(kernel, rq, to, invalid);
  };

  return endpoint({
    name,
    path: `${definition.path}/:token`,
    authz: open("to whoever holds the link"),
    page: definition.page,
    title: definition.title,
    async intro(rq) {
      const link = await find(rq);
      if (link === undefined) return undefined;
      if (definition.introAsking !== undefined && (await asks(rq, link))) {
        return { key: definition.introAsking, params: { email: linkAddress(link) } };
      }
      const said = typeof definition.intro === "string" ? { key: definition.intro } : await definition.intro(link, rq);
      return { key: said.key, params: { ...said.params, email: linkAddress(link) } };
    },
    ...(definition.asks === undefined
      ? {}
      : {
          async omits(rq: SecurityRequest) {
            const link = await find(rq);
            return link !== undefined && (await asks(rq, link)) ? [] : Object.keys(definition.fields);
          },
        }),
    async account(rq) {
      const link = await find(rq);
      return link === undefined ? undefined : linkAddress(link);
    },
    submitLabel: definition.submitLabel,
    fields: definition.fields,
    // The path names the link: who is signed in meanwhile has no part in it.
    shownFor: () => undefined,
    answers: {
      ...definition.answers,
      ...(definition.asks === undefined ? {} : { shown: { ...definition.answers?.shown, password_required: flag } }),
      failures: [409, ...(definition.answers?.failures ?? [])],
    },
    async show(rq) {
      const link = await find(rq);
      if (link === undefined) return refuse(rq);
      if (rq.wantsJson) {
        const asking = definition.asks === undefined ? {} : { password_required: await asks(rq, link) };
        return { ...(await definition.shown?.(link)), ...asking };
      }
      // A form that was posted to the link itself is shown again there.
      if (openedId(rq) !== undefined || isUnsafe(rq.method)) return {};
      const own = spaPage === undefined ? undefined : destinations.spaPage(spaPage, inPath(rq));
      if (own !== undefined) return goTo(own);
      const id = keepSecret(rq, inPath(rq));
      return goTo(withNext(`${base()}/open-${id}`, system.redirects.safe(rq.url.searchParams.get("next"))));
    },
    async submit(request) {
      const { rq } = request;
      const link = await find(rq);
      if (link === undefined) return refuse(rq);
      let lost = false;
      const answer = await definition.submit({
        ...request,
        link: {
          ...link,
          async redeem(tx) {
            const won = await link.redeem(tx);
            lost = !won;
            return won;
          },
        },
      });
      if (lost) return refuse(rq);
      if (answer.kind !== "invalid") markUsed(rq);
      return answer;
    },
  });
}

/** Keeps the secret of an opened link in this browser; the id that its page goes by. */
function keepSecret(rq: SecurityRequest, token: string): string {
  const { cookies } = rq.system;
  const [id = "", secret = ""] = token.split(".");
  const name = cookies.link(id);
  const others = rq.cookieNames(cookies.linkPrefix).filter((other) => other !== name);
  const tooMany = Math.max(0, others.length + 1 - mostOpened);
  for (const oldest of others.slice(0, tooMany)) rq.clearCookie(oldest, cookies.attributes());
  // Lax: the browser comes from a mail program's page, and Strict would keep the cookie from the very next request.
  rq.setCookie(name, secret, cookies.attributes(cookieLife));
  return id;
}

/** The address that a link was mailed to: the account's, or the new one that it is to prove. */
function linkAddress({ ticket, account }: OpenLink): string {
  const mailedTo = ticket.payload["email"];
  return typeof mailedTo === "string" ? mailedTo : displayName(account);
}

/** A link that did what it was for: the page goes on, a single-page client is told in its query. */
export function linkDone(
  kernel: Kernel,
  rq: SecurityRequest,
  to: string,
  message: Fault & { readonly key: MessageKey },
  account: Account,
  response: Readonly<Record<string, unknown>> = {},
): Answer {
  const told = kernel.destinations.withResult(to, {
    category: "success",
    text: textOf(rq, message),
    ...(account.email === "" ? {} : { email: account.email }),
  });
  return told === undefined || rq.wantsJson ? done(to, { message, response }) : goTo(told);
}

/** A link that signs in: as `linkDone`, or what the gates want first. */
export function linkOutcome(
  kernel: Kernel,
  rq: SecurityRequest,
  outcome: SignInOutcome,
  options: {
    readonly to: string;
    /** Where the mail's link says to go on. */
    readonly next?: string | undefined;
    readonly message: Fault & { readonly key: MessageKey };
    readonly refusal: (key: MessageKey, remedy: Remedy | undefined) => Answer;
  },
): Answer {
  const { to, next = to, message } = options;
  // A page that the link names by its origin is gone on to as it is.
  if (outcome.kind !== "signedIn" || rq.wantsJson || !next.startsWith("/")) return outcomeAnswer(rq, outcome, options);
  return linkDone(kernel, rq, next, message, outcome.identity.account);
}

/** Where a mail says to go for who does not know their password any more; nothing where there is no such page. */
export function recoverLink(kernel: Pick<Kernel, "path" | "link">): { readonly recover?: string } {
  return kernel.path("forgot_password") === undefined ? {} : { recover: kernel.link("forgot_password") };
}

/** A link that can't be used: a program is told so, a page goes on with the message. */
export function linkRefusal(kernel: Kernel, rq: SecurityRequest, to: string, key: MessageKey): Answer {
  if (rq.wantsJson) return refused(key);
  const message = { key };
  const told = kernel.destinations.withResult(to, { category: shownAs(rq, message), text: textOf(rq, message) });
  return told === undefined ? goTo(to, message) : goTo(told);
}

function shownAs(rq: SecurityRequest, { key }: Fault): "info" | "error" {
  return rq.catalogue.category(key) === "info" ? "info" : "error";
}

function textOf(rq: SecurityRequest, message: Fault): string {
  return rq.text(message.key as MessageKey, message.params);
}
