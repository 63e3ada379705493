import { isUnsafe } from "../../http/csrf.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { Awaitable } from "../../model/awaitable.ts";
import type { Identity } from "../../model/identity.ts";
import type { Scheme } from "../scheme.ts";
import type { LiveSession, Sessions } from "../sessions.ts";
import type { SignIn } from "../sign-in.ts";

const idLength = 43;
const nobody: Promise<undefined> = Promise.resolve(undefined);

/** The scheme "session": the cookie's opaque id, then the remember credential. A warm session needs no I/O. */
export function sessionScheme(sessions: Sessions, signIn: SignIn): Scheme {
  const take = (rq: SecurityRequest, live: LiveSession): Identity | undefined => {
    rq.session = live.session;
    return live.identity;
  };
  const cold = (rq: SecurityRequest, id: string): Awaitable<Identity | undefined> => {
    const live = sessions.load(id);
    if (live instanceof Promise) return live.then((found) => (found && take(rq, found)) ?? otherwise(rq));
    // Nobody, but it took a query to know: a promise, so that it is kept and not looked up again.
    return (live && take(rq, live)) ?? otherwise(rq) ?? nobody;
  };
  /** Whoever acted as somebody else is themselves again; nobody else's cookie comes before that. */
  const otherwise = (rq: SecurityRequest): Promise<Identity | undefined> | undefined => {
    if (rq.cookie(rq.system.cookies.name("impersonator")) === undefined) return remembered(rq);
    // What was meant to be done as one user must not be done as another.
    if (isUnsafe(rq.method)) return undefined;
    return signIn.impersonation.ownSession(rq).then((own) => own ?? remembered(rq));
  };
  const remembered = (rq: SecurityRequest): Promise<Identity | undefined> | undefined =>
    rq.cookie(rq.system.cookies.name("remember")) === undefined ? undefined : signIn.restore(rq);

  return {
    name: "session",
    ambient: true,
    describe: ({ cookies }) => [
      { type: "apiKey", in: "cookie", name: cookies.name("session"), description: "The session of who signed in." },
    ],
    authenticate(rq) {
      const id = rq.cookie(rq.system.cookies.name("session"));
      if (id === undefined || id.length !== idLength) return otherwise(rq);
      // Endpoints that change an account never trust the cache.
      const live = rq.route.kind === "account" ? undefined : sessions.warm(id);
      return live === undefined ? cold(rq, id) : take(rq, live);
    },
  };
}
