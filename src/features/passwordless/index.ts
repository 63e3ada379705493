import type { SecurityRequest } from "../../http/request.ts";
import { type Duration, milliseconds } from "../../model/duration.ts";
import { formPage } from "../../views/pages.ts";
import { signInAnswers } from "../answers.ts";
import { type Answer, type Endpoint, goTo, refused } from "../endpoint.ts";
import type { Feature, Kernel } from "../feature.ts";
import { applyProof, firstProofPage, keepLanguage, mailedElsewhere, readFirstProof } from "../first-proof.ts";
import { nextOf } from "../form-page.ts";
import { linkEndpoint, linkOutcome, linkRefusal } from "../links.ts";
import { emitOnceCommitted, mailRequest } from "../mail-request.ts";
import { checkOptions } from "../options.ts";
import { linksTo, wantsToken } from "../passwords/index.ts";
import { toldReason } from "../refused-sign-in.ts";
import { passwordlessMails } from "./mails.ts";

/** Options of the feature `passwordless`. */
export interface PasswordlessOptions {
  /** How long a link works; default "15m". */
  readonly within?: Duration;
}

const purpose = "sign-in-link";

/**
 * Sign-in by a mailed link. Alone it has the page `/login`; beside the feature `passwords` its page is `/login-link`. The link,
 * `/login/<token>`, works once.
 */
export function passwordless(options: PasswordlessOptions = {}): Feature {
  checkOptions("passwordless", options, { within: "string" });
  const within = milliseconds("passwordless.within", options.within ?? "15m");
  return {
    name: "passwordless",
    linkLife: within,
    pages: { loginLink: formPage, loginByLink: formPage },
    mails: passwordlessMails,
    endpoints: (kernel) => [sendLink(kernel, within), signInByLink(kernel)],
  };
}

function sendLink(kernel: Kernel, within: number): Endpoint {
  const alone = !kernel.features.has("passwords");
  const name = alone ? "login" : "login_link";
  const { destinations } = kernel;
  return mailRequest(kernel, {
    name,
    path: alone ? "/login" : "/login-link",
    page: "loginLink",
    title: "TITLE_LOGIN",
    intro: "INTRO_LOGIN_LINK",
    submitLabel: "SUBMIT_LOGIN_LINK",
    links: (rq, next) => linksTo(kernel, rq, next, ["register", "LINK_REGISTER"], ...(alone ? [] : [loginLink])),
    show: (rq) =>
      rq.identity !== undefined && !rq.wantsJson ? goTo(nextOf(rq, {}) ?? destinations.afterSignIn(rq)) : {},
    instead(rq, next) {
      if (rq.identity === undefined) return undefined;
      return rq.wantsJson ? refused("ANONYMOUS_USER_REQUIRED") : goTo(next ?? destinations.afterSignIn(rq));
    },
    async send(rq, account, tx, next) {
      const payload = { email: account.email };
      const request = { purpose, user: account, payload, life: within, replacesOlder: true };
      const token = await kernel.tickets.issue(request, tx);
      const query = next === undefined ? "" : `?next=${encodeURIComponent(next)}`;
      const data = { link: `${kernel.link("login_by_link", token)}${query}`, within };
      await kernel.mail.send(rq, "signInLink", account, data, { tx });
      emitOnceCommitted(kernel, tx, "loginInstructionsSent", { user: account });
    },
    message: (email) =>
      kernel.revealAccounts ? { key: "LOGIN_EMAIL_SENT", params: { email } } : { key: "GENERIC_RECOVERY" },
    to: () => kernel.path(name) ?? "/",
  });
}

const loginLink = ["login", "LINK_LOGIN_PASSWORD"] as const;

function signInByLink(kernel: Kernel): Endpoint {
  const errorTo = (rq: SecurityRequest): string =>
    kernel.destinations.chosen("signInError", rq) ?? kernel.path("login_link") ?? kernel.path("login") ?? "/";
  return linkEndpoint(kernel, {
    name: "login_by_link",
    path: "/login",
    purpose,
    page: "loginByLink",
    title: "TITLE_LOGIN",
    intro: "INTRO_LOGIN_BY_LINK",
    submitLabel: "SUBMIT_LOGIN",
    ...firstProofPage(kernel),
    invalid: "INVALID_LOGIN_TOKEN",
    invalidTo: errorTo,
    spaPage: "signIn",
    answers: { ...signInAnswers, token: true },
    async submit({ rq, fields, link, next }): Promise<Answer> {
      const gone = (): Answer => linkRefusal(kernel, rq, errorTo(rq), "INVALID_LOGIN_TOKEN");
      if (mailedElsewhere(link)) return gone();
      const proof = await readFirstProof(kernel, rq, link.account, fields);
      if ("answer" in proof) return proof.answer;
      let { account } = link;
      if (proof.first === true) {
        const proved = await applyProof(kernel, rq, link, proof);
        if (proved === undefined) return gone();
        account = proved;
      } else {
        if (!(await link.redeem())) return gone();
        keepLanguage(kernel, rq, account);
      }
      const outcome = await kernel.signIn.complete(rq, { account, methods: ["email"], token: wantsToken(rq) });
      return linkOutcome(kernel, rq, outcome, {
        to: kernel.destinations.afterSignIn(rq),
        next,
        message: { key: "PASSWORDLESS_LOGIN_SUCCESSFUL" },
        refusal: (key) => {
          const reason = toldReason(kernel, key);
          return reason === undefined ? gone() : linkRefusal(kernel, rq, errorTo(rq), reason);
        },
      });
    },
  });
}
