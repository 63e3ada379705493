import { languageHeaders } from "../http/answer.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { MessageKey } from "../i18n/catalogue.ts";
import { displayName } from "../model/account.ts";
import { given } from "../model/option-kinds.ts";
import type {
  BannerView,
  FlashMessage,
  Html,
  NoticePageProps,
  PageFrame,
  PageLink,
  RowAction,
  Views,
} from "./contract.ts";

/** Makes the pages' frames and sends pages. */
export interface PageSender {
  readonly views: Views;
  /** The path of the style sheet, with a hash of its content: it may be kept for ever. */
  readonly stylesheet: string;
  /** The path of the site's icon, with a hash of its content too. */
  readonly icon: string;
  frame(
    rq: SecurityRequest,
    title: string,
    links: readonly PageLink[],
    flashes: readonly FlashMessage[],
    wide?: boolean,
  ): PageFrame;
  /** A page as a response, with the security headers. */
  send(rq: SecurityRequest, content: Html, status: number, extra?: Readonly<Record<string, string>>): Promise<Response>;
  /** A page that says something: an error, no access. */
  notice(
    rq: SecurityRequest,
    page: "error" | "unauthorized",
    status: number,
    text: string,
    links?: readonly PageLink[],
    /** Its heading, where that is not what the status says. */
    heading?: MessageKey,
  ): Promise<Response>;
}

/** What of a page's frame depends on who is signed in. */
export interface OfCaller {
  readonly banner?: BannerView | undefined;
  readonly signOut?: RowAction | undefined;
}

/** Makes the sender of one running system. */
export function createPageSender(
  views: Views,
  prefix: string,
  headers: (nonce?: string) => Readonly<Record<string, string>>,
  ofCaller: (rq: SecurityRequest) => OfCaller = () => ({}),
): PageSender {
  const stylesheet = `${prefix}/portcullis-${views.cssHash}.css`;
  const titles: Readonly<Record<number, "TITLE_NOT_FOUND">> = { 404: "TITLE_NOT_FOUND" };

  const icon = `${prefix}/portcullis-${views.iconHash}.svg`;

  const sender: PageSender = {
    views,
    stylesheet,
    icon,
    frame: (rq, title, links, flashes, wide = false) => ({
      title,
      ...(given(ofCaller(rq)) as Pick<PageFrame, "banner" | "signOut">),
      ...(wide ? { wide } : {}),
      catalogue: rq.catalogue,
      language: rq.catalogue.language,
      siteName: views.siteName,
      stylesheet,
      icon,
      flashes,
      signedInAs: rq.identity === undefined ? undefined : displayName(rq.identity.account),
      links,
      get nonce() {
        return rq.nonce;
      },
    }),
    async send(rq, content, status, extra) {
      const text = String(await content);
      const spoken = languageHeaders(rq);
      const own = headers(rq.usedNonce);
      // A page depends on who asks, on what they accept and on their language (RFC 9110 12.5.5).
      const vary = spoken["vary"] === undefined ? {} : { vary: `${own["vary"]}, ${spoken["vary"]}` };
      return new Response(text, { status, headers: { ...own, ...spoken, ...vary, ...extra } });
    },
    notice(rq, page, status, text, links = [], heading) {
      const title = page === "unauthorized" ? "TITLE_UNAUTHORIZED" : (titles[status] ?? "TITLE_ERROR");
      const props: NoticePageProps = {
        frame: sender.frame(rq, rq.text((heading ?? title) as "TITLE_ERROR"), [], []),
        elements: views.elements,
        status,
        text,
        links,
      };
      return sender.send(rq, views.pages[page](props), status);
    },
  };
  return sender;
}
