import type { SecurityRequest } from "../http/request.ts";
import type { Identity } from "../model/identity.ts";
import type { Scheme } from "./scheme.ts";
import type { LiveSession, Sessions } from "./sessions.ts";
import type { SignIn } from "./sign-in.ts";

const idLength = 43;

/** The scheme "session": the cookie's opaque id, then the remember credential. A warm session needs no I/O. */
export function sessionScheme(sessions: Sessions, signIn: SignIn): Scheme {
  const take = (rq: SecurityRequest, live: LiveSession): Identity | undefined => {
    rq.session = live.session;
    return live.identity;
  };
  const cold = async (rq: SecurityRequest, id: string | undefined): Promise<Identity | undefined> => {
    if (id !== undefined) {
      const live = await sessions.load(id);
      if (live !== undefined) {
        const identity = take(rq, live);
        if (identity !== undefined) return identity;
      }
    }
    return rq.cookie(rq.system.cookies.name("remember")) === undefined ? undefined : signIn.restore(rq);
  };

  return {
    name: "session",
    authenticate(rq) {
      const id = rq.cookie(rq.system.cookies.name("session"));
      if (id === undefined || id.length !== idLength) {
        return rq.cookie(rq.system.cookies.name("remember")) === undefined ? undefined : cold(rq, undefined);
      }
      // Endpoints that change an account never trust the cache.
      const live = rq.route.kind === "account" ? undefined : sessions.warm(id);
      return live === undefined ? cold(rq, id) : take(rq, live);
    },
  };
}
