import { open } from "../authz/guards/open.ts";
import type { Operations } from "../datastore/contract.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { MessageKey } from "../i18n/catalogue.ts";
import { type Account, displayName } from "../model/account.ts";
import type { Awaitable } from "../model/awaitable.ts";
import type { Ticket } from "../model/session.ts";
import type { Pages } from "../views/contract.ts";
import type { SpaPage } from "./destinations.ts";
import {
  type Answer,
  done,
  type Endpoint,
  type EndpointAnswers,
  type EndpointRequest,
  endpoint,
  goTo,
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
  /** The sentence above the form; `email` is whose link it is. */
  readonly intro: MessageKey;
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

/** In the place of the token, once that has left the address bar. */
const opened = "open";
/** How long the cookie holds an opened link, in seconds: the page may stay open for so long. */
const cookieLife = 3_600;

/**
 * The endpoint behind a mailed link. GET consumes nothing, since mail scanners and previews follow links too. It takes the
 * token out of the address bar before anything else is loaded, into a cookie that no script reads, so that neither the
 * browser's history nor a Referer holds it; the page there has a button (and fields), whose POST consumes it. JSON clients
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
  const presented = (rq: SecurityRequest): string =>
    inPath(rq) === opened ? (rq.cookie(system.cookies.link(purpose)) ?? "") : inPath(rq);
  const clear = (rq: SecurityRequest): void =>
    rq.clearCookie(system.cookies.link(purpose), system.cookies.attributes());

  const find = async (rq: SecurityRequest): Promise<OpenLink | undefined> => {
    const text = presented(rq);
    const ticket = await tickets.peek(purpose, text);
    if (ticket === undefined || ticket.userId === null) return undefined;
    const account = await kernel.users.get(ticket.userId);
    // Who is shut out comes back in by no link.
    if (account === undefined || !account.active) return undefined;
    return {
      ticket,
      account,
      redeem: async (tx) => (await tickets.redeem(purpose, text, tx === undefined ? {} : { tx })) !== undefined,
    };
  };

  const asks = async (rq: SecurityRequest, link: OpenLink): Promise<boolean> =>
    (await definition.asks?.(rq, link)) === true;

  const refuse = (rq: SecurityRequest): Answer => {
    if (inPath(rq) === opened) clear(rq);
    return rq.wantsJson ? refused(invalid) : linkRefusal(kernel, rq, definition.invalidTo(rq), { key: invalid });
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
      const key = (await asks(rq, link)) ? (definition.introAsking ?? definition.intro) : definition.intro;
      return { key, params: { email: linkAddress(link) } };
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
    ...(definition.answers === undefined ? {} : { answers: definition.answers }),
    async show(rq) {
      const link = await find(rq);
      if (link === undefined) return refuse(rq);
      if (rq.wantsJson && definition.asks !== undefined) return { password_required: await asks(rq, link) };
      if (rq.wantsJson || inPath(rq) === opened) return {};
      const own = spaPage === undefined ? undefined : destinations.spaPage(spaPage, inPath(rq));
      if (own !== undefined) return goTo(own);
      // Lax: the browser comes from a mail program's page, and Strict would keep the cookie from the very next request.
      rq.setCookie(system.cookies.link(purpose), inPath(rq), system.cookies.attributes(cookieLife));
      return goTo(withNext(`${base()}/${opened}`, system.redirects.safe(rq.url.searchParams.get("next"))));
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
      if (answer.kind !== "invalid" && inPath(rq) === opened) clear(rq);
      return answer;
    },
  });
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

/** A link that can't be used. */
export function linkRefusal(kernel: Kernel, rq: SecurityRequest, to: string, message: Fault): Answer {
  const told = kernel.destinations.withResult(to, { category: shownAs(rq, message), text: textOf(rq, message) });
  return told === undefined ? goTo(to, message) : goTo(told);
}

function shownAs(rq: SecurityRequest, { key }: Fault): "info" | "error" {
  return rq.catalogue.category(key) === "info" ? "info" : "error";
}

function textOf(rq: SecurityRequest, message: Fault): string {
  return rq.text(message.key as MessageKey, message.params);
}
