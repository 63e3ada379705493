import { isUnsafe } from "../../http/csrf.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { Guard, NoWords } from "../guard.ts";
import { allow, type Verdict } from "../verdict.ts";
import { checkNothing, csrfFault, csrfTokenFault } from "./authentication.ts";

/**
 * Open to everybody, with a CSRF token made on each GET and asked for by every unsafe method, whoever is calling and by
 * whatever scheme. The page gets the token by `security.csrfField(c)` or `security.csrfToken(c)`.
 */
export function includeCsrf(): Guard<NoWords>;
export function includeCsrf(...options: readonly unknown[]): Guard<NoWords> {
  checkNothing("includeCsrf", options);
  const decide = async (rq: SecurityRequest): Promise<Verdict> => {
    if (!rq.system.csrf.sameOrigin(rq)) return csrfFault("CSRF_ORIGIN");
    const fault = await csrfTokenFault(rq);
    return fault === undefined ? allow : csrfFault(fault);
  };
  return {
    async check(rq) {
      // The token hangs on the session, where there is one.
      if (rq.identity === undefined) await rq.system.identify(rq);
      if (isUnsafe(rq.method)) return decide(rq);
      if (rq.method === "GET") rq.system.csrf.token(rq);
      return allow;
    },
    describe: () => ({
      text: "anybody, changes with a CSRF token",
      rule: { kind: "csrf", every: true },
      open: "CSRF token required",
      authenticated: false,
    }),
  };
}
