import { ConfigurationError } from "../../model/errors.ts";
import type { Guard, GuardDescription, NoWords } from "../guard.ts";
import { allow, forbidden, type Verdict } from "../verdict.ts";

/** Looks whether somebody is calling, so that a page can greet them, and lets everybody pass. */
function passive(why: string): Guard<NoWords> {
  return {
    check(rq) {
      const identity = rq.system.identify(rq);
      return identity instanceof Promise ? identity.then((): Verdict => allow) : allow;
    },
    describe: () => ({ text: "everybody", rule: { kind: "everybody" }, open: why, authenticated: false }),
  };
}

/** What `"OPEN"` stands for. */
export const everybody: Guard<NoWords> = Object.freeze(passive(""));

/** Everybody may call this, and that is why: the reason stands in the access matrix. */
export function open(why: string): Guard<NoWords> {
  if (typeof why !== "string" || why.trim() === "") throw new ConfigurationError("open", "say why the route is open");
  return passive(why.trim());
}

/** What `"CLOSE"` stands for, and what a route without a declaration gets: nobody. */
export const nobody: Guard<NoWords> = Object.freeze({
  check: () => forbidden("closed"),
  describe: (): GuardDescription => ({ text: "nobody", rule: { kind: "nobody" }, authenticated: false }),
});
