import { open } from "../../authz/guards/open.ts";
import type { SecurityRequest } from "../../http/request.ts";
import { type Duration, milliseconds } from "../../model/duration.ts";
import { formPage } from "../../views/pages.ts";
import { type Answer, done, type Endpoint, endpoint, goTo, invalid, outcomeAnswer, refused } from "../endpoint.ts";
import type { Feature, Kernel } from "../feature.ts";
import { emailField } from "../fields.ts";
import { linkEndpoint, linkRefusal } from "../links.ts";
import { checkOptions } from "../options.ts";
import { linksTo, wantsToken } from "../passwords/index.ts";
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
    pages: { loginLink: formPage, loginByLink: formPage },
    mails: passwordlessMails,
    endpoints: (kernel) => [sendLink(kernel, within), signInByLink(kernel)],
  };
}

function sendLink(kernel: Kernel, within: number): Endpoint {
  const alone = !kernel.features.has("passwords");
  return endpoint({
    name: alone ? "login" : "login_link",
    path: alone ? "/login" : "/login-link",
    authz: open("to ask for a link"),
    page: "loginLink",
    title: "TITLE_LOGIN",
    intro: "INTRO_LOGIN_LINK",
    submitLabel: "SUBMIT_LOGIN_LINK",
    fields: { email: emailField() },
    links: (rq, next) => linksTo(kernel, rq, next, ["register", "LINK_REGISTER"], ...(alone ? [] : [loginLink])),
    show: (rq) => (rq.identity !== undefined && !rq.wantsJson ? goTo(kernel.destinations.afterSignIn(rq)) : {}),
    async submit({ rq, fields, next }) {
      if (rq.identity !== undefined) {
        return rq.wantsJson ? refused("ANONYMOUS_USER_REQUIRED") : goTo(kernel.destinations.afterSignIn(rq));
      }
      const account = await kernel.users.find("email", fields.email, { ignoreCase: true });
      if (kernel.revealAccounts) {
        if (account === undefined) return invalid({ email: [{ key: "USER_DOES_NOT_EXIST" }] });
        if (!account.active) return invalid({ email: [{ key: "DISABLED_ACCOUNT" }] });
      }
      // The same for known and unknown addresses: what a full mailbox does not get, the answer does not tell.
      const mayMail = await kernel.limits.mail(rq, fields.email);
      kernel.background(async () => {
        if (!mayMail) return;
        if (account?.active !== true) return;
        const token = await kernel.tickets.issue({ purpose, user: account, life: within, replacesOlder: true });
        const query = next === undefined ? "" : `?next=${encodeURIComponent(next)}`;
        kernel.mail.send(rq, "signInLink", account, { link: `${kernel.link("login_by_link", token)}${query}`, within });
        kernel.system.events.emit("loginInstructionsSent", { user: account });
      });
      return done(kernel.path(alone ? "login" : "login_link") ?? "/", {
        message: kernel.revealAccounts
          ? { key: "LOGIN_EMAIL_SENT", params: { email: fields.email } }
          : { key: "GENERIC_RECOVERY" },
        response: { csrf_token: rq.system.csrf.token(rq) },
        followNext: false,
      });
    },
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
    fields: {},
    invalid: "INVALID_LOGIN_TOKEN",
    invalidTo: errorTo,
    spaPage: "signIn",
    async submit({ rq, link }): Promise<Answer> {
      if (!(await link.redeem())) return invalid({});
      const { account } = link;
      // The address is not confirmed by it: a password that a stranger once registered it with must not become good.
      const outcome = await kernel.signIn.complete(rq, { account, methods: ["email"], token: wantsToken(rq) });
      return outcomeAnswer(rq, outcome, {
        to: kernel.destinations.afterSignIn(rq),
        message: { key: "PASSWORDLESS_LOGIN_SUCCESSFUL" },
        refusal: () =>
          rq.wantsJson
            ? refused("INVALID_LOGIN_TOKEN")
            : linkRefusal(kernel, rq, errorTo(rq), { key: "INVALID_LOGIN_TOKEN" }),
      });
    },
  });
}
