import { signedIn } from "../../authz/guards/authentication.ts";
import { open } from "../../authz/guards/open.ts";
import type { Json } from "../../routes/openapi/json.ts";
import { text } from "../answers.ts";
import { changeOwnPassword } from "../change-password/own-password.ts";
import { type Answer, done, type Endpoint, failed, jsonEndpoint } from "../endpoint.ts";
import type { Kernel } from "../feature.ts";
import { type Field, passwordField } from "../fields.ts";
import { booleanField, maybe, plainTextField } from "../json-fields.ts";
import { openForCaller } from "../passwords/index.ts";
import { type Reason, signInReasons } from "../refused-sign-in.ts";
import type { ManagementSettings } from "./options.ts";
import { userSchema, userView } from "./view.ts";

/** Sign-in, sign-out, and one's own account. */
export function ownAccountEndpoints(kernel: Kernel, settings: ManagementSettings): readonly Endpoint[] {
  return [login(kernel, settings), logout(kernel, settings), current(kernel, settings), password(kernel, settings)];
}

/** The user, with a token where one was made. */
const withToken: Json = {
  user: userSchema,
  token: text,
  refresh_token: { type: "string", description: "Where the feature refresh hands it out in bodies." },
};

function login(kernel: Kernel, settings: ManagementSettings): Endpoint {
  const { proof, signIn } = kernel;
  const identity = plainTextField(255);
  return jsonEndpoint({
    name: "api_login",
    summary: "Sign in, for a token or a session",
    path: `${settings.path}/login`,
    authz: open("to sign in"),
    // Who else is calling is of no interest.
    authn: [],
    strict: true,
    fields: {
      username: maybe(identity),
      email: maybe(identity),
      password: passwordField({ autocomplete: "current-password" }),
      ...(kernel.sessions.enabled ? { cookie: maybe(booleanField()), remember: maybe(booleanField()) } : {}),
    } as LoginFields,
    answers: { done: { ...withToken, csrf_token: text }, pending: true, failures: [401] },
    async submit({ rq, fields }) {
      const named = (fields.email ?? fields.username)?.trim();
      const account = named === undefined || named === "" ? undefined : await proof.find(named);
      const attempt = {
        rq,
        account,
        identity: named === "" ? undefined : named,
        password: fields.password,
        authType: "password",
      };
      const guess = await proof.guess(attempt);
      const reasons = signInReasons(kernel, attempt, guess);
      const failure = (reason: Reason | undefined): Answer => failed(401, reason?.key ?? "GENERIC_AUTHN_FAILED");
      if (guess.proved !== "right" || account === undefined) return failure(reasons.failed);
      const cookie = fields.cookie === true;
      const outcome = await signIn.complete(rq, {
        account,
        methods: ["password"],
        token: true,
        session: cookie,
        remember: cookie && fields.remember === true,
        guess,
      });
      switch (outcome.kind) {
        case "pending":
          return done("/", { response: { ...outcome.answer } });
        case "refused":
          return failure(reasons.refused(outcome.key, outcome.remedy));
        case "signedIn":
          return done("/", {
            response: {
              user: userView(outcome.identity.account, settings),
              token: outcome.token,
              ...outcome.members,
              ...(cookie ? { csrf_token: rq.system.csrf.token(rq) } : {}),
            },
          });
      }
    },
  });
}

interface LoginFields extends Readonly<Record<string, Field<unknown>>> {
  readonly username: Field<string | undefined>;
  readonly email: Field<string | undefined>;
  readonly password: Field<string>;
  readonly cookie: Field<boolean | undefined>;
  readonly remember: Field<boolean | undefined>;
}

function logout(kernel: Kernel, settings: ManagementSettings): Endpoint {
  return jsonEndpoint({
    name: "api_logout",
    summary: "Sign out",
    path: `${settings.path}/logout`,
    method: "DELETE",
    authz: openForCaller("to sign out"),
    authn: kernel.sessions.enabled ? ["session", "token"] : ["token"],
    fields: {},
    answers: { failures: [401] },
    async submit({ rq }) {
      const { identity } = rq;
      if (identity === undefined) return failed(401, "UNAUTHENTICATED");
      // A token that belongs to no family is known nowhere: it ends with all of the account's.
      if (identity.session === undefined && identity.tokenFamily === undefined) {
        await kernel.users.setTokenUniquifier(identity.account);
      }
      await kernel.signIn.signOut(rq);
      return done("/", { response: {} });
    },
  });
}

function current(kernel: Kernel, settings: ManagementSettings): Endpoint {
  return jsonEndpoint({
    name: "api_user",
    summary: "One’s own account",
    path: settings.path,
    method: "GET",
    authz: signedIn,
    // Whose account it is must be seen, whoever acts in it.
    whileImpersonating: true,
    fields: {},
    answers: { done: { user: userSchema, csrf_token: text } },
    async submit({ rq }) {
      const account = rq.identity && (await kernel.users.get(rq.identity.account.id));
      if (account === undefined) return failed(401, "UNAUTHENTICATED");
      const csrf = rq.identity?.session === undefined ? {} : { csrf_token: rq.system.csrf.token(rq) };
      return done("/", { response: { user: userView(account, settings), ...csrf } });
    },
  });
}

function password(kernel: Kernel, settings: ManagementSettings): Endpoint {
  return jsonEndpoint({
    name: "api_own_password",
    summary: "Change one’s own password",
    path: `${settings.path}/password`,
    // The present password is the proof.
    authz: signedIn,
    strict: true,
    fields: {
      old_password: passwordField({ autocomplete: "current-password", optional: true }),
      new_password: passwordField({ autocomplete: "new-password" }),
    },
    answers: { done: { ...withToken, csrf_token: text }, failures: [409] },
    async submit({ rq, fields }) {
      const account = rq.identity?.account;
      // An account without a password has nothing else to show that it is its owner who is calling.
      if (account?.password === null) return failed(409, "ACTION_REFUSED");
      const bySession = rq.identity?.session !== undefined;
      const changed = await changeOwnPassword(kernel, rq, {
        present: ["old_password", fields.old_password],
        chosen: ["new_password", fields.new_password],
      });
      if ("answer" in changed) return changed.answer;
      // The token that asked for it has ended too: a new one takes its place.
      const renewal = await kernel.signIn.renew(rq, changed.account, { token: !bySession });
      const renewed = renewal?.token === undefined ? {} : { token: renewal.token, ...renewal.members };
      const csrf = bySession ? { csrf_token: rq.system.csrf.token(rq) } : {};
      return done("/", { response: { user: userView(changed.account, settings), ...renewed, ...csrf } });
    },
  });
}
