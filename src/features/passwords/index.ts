import { sessionOnly } from "../../authn/scheme.ts";
import type { Guard, NoWords } from "../../authz/guard.ts";
import { authRequired } from "../../authz/guards/authentication.ts";
import { open } from "../../authz/guards/open.ts";
import { allow } from "../../authz/verdict.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { MessageKey } from "../../i18n/catalogue.ts";
import { ConfigurationError } from "../../model/errors.ts";
import type { PageLink } from "../../views/contract.ts";
import { formPage } from "../../views/pages.ts";
import { signInAnswers, text } from "../answers.ts";
import {
  type Answer,
  done,
  type Endpoint,
  endpoint,
  failed,
  goTo,
  invalid,
  outcomeAnswer,
  refused,
} from "../endpoint.ts";
import type { Feature, Kernel } from "../feature.ts";
import { checkboxField, type Field, identityField, passwordField } from "../fields.ts";
import { nextOf, withNext } from "../form-page.ts";
import { checkOptions } from "../options.ts";
import { type Reason, refusedSignIn, signInReasons } from "../refused-sign-in.ts";
import { expiredPassword, expiredPasswordGate } from "./expired.ts";

/** Options of the feature `passwords`. */
export interface PasswordsOptions {
  /** Offer "keep me signed in"; default true. */
  readonly remember?: boolean;
}

/**
 * Sign-in with a password, sign-out, and proving again who one is: `/login`, `/logout` (POST) and `/verify`, as pages and as
 * JSON. A client with an auth token that is not fresh any more gets one that is by `POST /verify?include_auth_token`.
 */
export function passwords(options: PasswordsOptions = {}): Feature {
  checkOptions("passwords", options, { remember: "boolean" });
  const remember = options.remember ?? true;
  return {
    name: "passwords",
    pages: { expiredPassword: formPage },
    gates: (kernel) => (kernel.policy.maxAge === undefined ? [] : [expiredPasswordGate(kernel, kernel.policy.maxAge)]),
    endpoints(kernel) {
      const aging = kernel.policy.maxAge === undefined ? [] : [expiredPassword(kernel)];
      if (kernel.sessions.enabled) return [login(kernel, remember), logout(kernel), verify(kernel), ...aging];
      if (options.remember === true) {
        throw new ConfigurationError("passwords.remember", "leave it out: sessions.enabled is false");
      }
      return [login(kernel, false), logout(kernel), verify(kernel), ...aging];
    },
  };
}

function login(kernel: Kernel, remember: boolean): Endpoint {
  const { proof, signIn, destinations } = kernel;
  const identities: Record<string, Field<string | undefined>> = {};
  for (const { attribute, label } of proof.attributes) identities[attribute] = identityField(attribute, label);
  return endpoint({
    name: "login",
    // Clients learn here who they are; whoever is signed in is not signed in once more.
    whileImpersonating: true,
    path: "/login",
    authz: open("to sign in"),
    page: "login",
    title: "TITLE_LOGIN",
    intro: "INTRO_LOGIN",
    submitLabel: "SUBMIT_LOGIN",
    answers: { shown: { identity_attributes: { type: "array", items: text } }, ...signInAnswers, token: true },
    fields: {
      ...identities,
      password: passwordField({ autocomplete: "current-password" }),
      ...(remember ? { remember: checkboxField("LABEL_REMEMBER") } : {}),
    } as Readonly<Record<string, Field<unknown>>>,
    links: (rq, next) =>
      linksTo(
        kernel,
        rq,
        next,
        ["register", "LINK_REGISTER"],
        ["forgot_password", "FORGOT_PASSWORD"],
        ["recover_username", "LINK_RECOVER_USERNAME"],
        ["login_link", "LINK_LOGIN_LINK"],
        ["send_confirmation", "LINK_CONFIRM"],
      ),
    show: (rq) =>
      !kernel.sessions.enabled && !rq.wantsJson
        ? refused("SESSIONS_OFF")
        : rq.identity !== undefined && !rq.wantsJson
          ? goTo(nextOf(rq, {}) ?? destinations.afterSignIn(rq))
          : { identity_attributes: proof.attributes.map(({ attribute }) => attribute) },
    async submit({ rq, fields, next }) {
      // A page could hand out neither a session nor, safely, a token.
      if (!kernel.sessions.enabled && !rq.wantsJson) return refused("SESSIONS_OFF");
      if (rq.identity !== undefined) {
        return rq.wantsJson ? refused("ANONYMOUS_USER_REQUIRED") : goTo(next ?? destinations.afterSignIn(rq));
      }
      const password = fields.password as string;
      // The first attribute that was given says who is meant.
      const given = proof.attributes.find(({ attribute }) => fields[attribute] !== undefined)?.attribute;
      const account = given === undefined ? undefined : await proof.find(fields[given] as string, given);
      const attempt = {
        rq,
        account,
        identity: given === undefined ? undefined : (fields[given] as string),
        attribute: given,
        password,
        authType: "password",
      };
      // Asked whether there is an account or not: the same work, the same time.
      const guess = await proof.guess(attempt);
      const reasons = signInReasons(kernel, attempt, guess);
      const failure = (reason: Reason | undefined, byField: Answer): Answer => {
        if (reason === undefined) return kernel.revealAccounts ? byField : refused("GENERIC_AUTHN_FAILED");
        return refusedSignIn(kernel, reason.key, reason.remedy, {
          field: given as string,
          // As it was typed: who signs in by another name is not told the address.
          ...(given === "email" ? { email: fields[given] as string } : {}),
        });
      };
      if (guess.proved !== "right" || account === undefined) {
        if (given === undefined) return failure(undefined, refused("US_SPECIFY_IDENTITY"));
        return failure(
          reasons.failed,
          account === undefined
            ? invalid({ [given]: [{ key: "USER_DOES_NOT_EXIST" }] })
            : invalid({ password: [{ key: "INVALID_PASSWORD" }] }),
        );
      }
      const outcome = await signIn.complete(rq, {
        account,
        methods: ["password"],
        remember: fields.remember === true,
        token: wantsToken(rq),
        guess,
      });
      return outcomeAnswer(rq, outcome, {
        to: destinations.afterSignIn(rq),
        refusal: (key, remedy) => failure(reasons.refused(key, remedy), refused("GENERIC_AUTHN_FAILED")),
      });
    },
  });
}

function logout(kernel: Kernel): Endpoint {
  return endpoint({
    name: "logout",
    whileImpersonating: true,
    // A page that was left open after signing out elsewhere: there is nothing left to do, and nothing wrong.
    doneForNobody: "LOGGED_OUT",
    path: "/logout",
    methods: ["POST"],
    authz: openForCaller("to sign out"),
    authn: kernel.sessions.enabled ? ["session", "token"] : ["token"],
    page: "logout",
    title: "TITLE_LOGOUT",
    intro: "INTRO_LOGOUT",
    submitLabel: "SUBMIT_LOGOUT",
    fields: {},
    links: (rq, next) => (rq.identity === undefined ? linksTo(kernel, rq, next, ["login", "LINK_LOGIN"]) : []),
    async submit({ rq }) {
      await kernel.signIn.signOut(rq);
      return done(kernel.destinations.afterSignOut(rq), { message: { key: "LOGGED_OUT" } });
    },
  });
}

/**
 * Everybody passes, and who is calling is found out: whatever else the request carries, it is the session of the cookie that
 * ends; without one, what the auth token belongs to.
 */
export function openForCaller(why: string): Guard<NoWords> {
  return {
    async check(rq) {
      if ((await rq.system.identify(rq, sessionOnly)) === undefined) await rq.system.identify(rq, tokenOnly);
      return allow;
    },
    describe: () => open(why).describe(),
  };
}

const tokenOnly: readonly string[] = ["token"];

/** Who is signed in passes: by the session of the cookie, or else by an auth token. */
const signedInBySessionFirst: Guard<NoWords> = {
  async check(rq) {
    await rq.system.identify(rq, sessionOnly);
    return authRequired("session", "token").check(rq);
  },
  describe: () => authRequired("session", "token").describe(),
} as Guard<NoWords>;

function verify(kernel: Kernel): Endpoint {
  const { proof, signIn, destinations } = kernel;
  return endpoint({
    name: "verify",
    path: "/verify",
    authz: kernel.sessions.enabled ? signedInBySessionFirst : authRequired("token"),
    authn: kernel.sessions.enabled ? ["session", "token"] : tokenOnly,
    page: "verify",
    title: "TITLE_VERIFY",
    intro: "INTRO_VERIFY",
    submitLabel: "SUBMIT_VERIFY",
    answers: { ...signInAnswers, token: true },
    fields: { password: passwordField({ autocomplete: "current-password" }) },
    // A page proves it for the session of its browser alone.
    show: (rq) => (rq.wantsJson || rq.identity?.session !== undefined ? {} : failed(401, "UNAUTHENTICATED")),
    async submit({ rq, fields }) {
      const identity = rq.identity;
      if (identity === undefined) return refused("UNAUTHENTICATED");
      // A token is not made anew: there must be somebody who takes the fresh one.
      const takesToken = kernel.sessions.enabled ? wantsToken(rq) : rq.wantsJson;
      if (identity.session === undefined && !takesToken)
        return failed(401, rq.wantsJson ? "VERIFY_TAKES_TOKEN" : "UNAUTHENTICATED");
      // Who it is comes from the session or the token alone: nothing in the body can make it somebody else.
      const { account } = identity;
      const guess = await proof.guess({ rq, account, password: fields.password, authType: "password" });
      const failure = invalid({ password: [{ key: "INVALID_PASSWORD" }] });
      if (guess.proved !== "right") return failure;
      const outcome = await signIn.reauthenticate(rq, identity, {
        account,
        methods: ["password"],
        token: wantsToken(rq),
        guess,
      });
      return outcomeAnswer(rq, outcome, {
        to: destinations.afterSignIn(rq),
        message: { key: "REAUTHENTICATION_SUCCESSFUL" },
        refusal: (key, remedy) => refusedSignIn(kernel, key, remedy, { email: account.email, failure }),
      });
    },
  });
}

/** JSON clients get an auth token when the query says `include_auth_token`, with any value. */
export function wantsToken(rq: SecurityRequest): boolean {
  return rq.wantsJson && rq.url.searchParams.has("include_auth_token");
}

type LinkLabel = Extract<MessageKey, `LINK_${string}` | "FORGOT_PASSWORD">;

/** Links to other features' pages that are on, with `next` carried along. */
export function linksTo(
  kernel: Kernel,
  rq: SecurityRequest,
  next: string | undefined,
  ...targets: readonly (readonly [endpoint: string, label: LinkLabel])[]
): readonly PageLink[] {
  return targets.flatMap(([name, label]) => {
    const path = kernel.path(name);
    return path === undefined ? [] : [{ href: withNext(path, next), text: rq.text(label as "LINK_LOGIN") }];
  });
}
