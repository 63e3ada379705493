import type { Budget } from "../../authn/limits/rate.ts";
import type { Lockout } from "../../authn/limits/store.ts";
import type { SecurityRequest } from "../../http/request.ts";
import { lengthOfTime } from "../../i18n/length-of-time.ts";
import type { LabelledCell } from "../../views/contract.ts";
import type { Endpoint } from "../endpoint.ts";
import type { Fault } from "../fields.ts";
import { userNumber } from "../user-path.ts";
import { pagerLinks, readCursor } from "./filters.ts";
import { type Administration, namesOf, pathOf, showing, text, time, userCell } from "./pages.ts";

interface LockoutPage {
  readonly faults: Readonly<Record<string, readonly Fault[]>>;
  readonly lockouts: readonly Lockout[];
  readonly names: ReadonlyMap<number, string>;
  readonly isFirst: boolean;
  readonly next: number | undefined;
}

/** `/admin/limits`: the accounts that are locked now, by their number, and the limits in force. */
export function limitsPage(admin: Administration): Endpoint {
  const { limits } = admin.kernel;
  return showing<LockoutPage>(admin, {
    name: "admin_limits",
    path: `${admin.path}/limits`,
    page: "adminLimits",
    title: "ADMIN_LIMITS",
    async read(rq) {
      const { after, faults } = readCursor(rq, userNumber);
      // An account may be locked for its password and for its second factor: two rows, one line.
      const limit = 2 * admin.pageSize + 2;
      const found = await limits.locked({ ...(after === undefined ? {} : { after }), limit });
      const lockouts = found.slice(0, admin.pageSize);
      return {
        faults,
        lockouts,
        names: await namesOf(
          admin,
          lockouts.map(({ userId }) => userId),
        ),
        isFirst: after === undefined,
        next: found.length > lockouts.length ? lockouts.at(-1)?.userId : undefined,
      };
    },
    faults: ({ faults }) => faults,
    json: ({ lockouts, names, next }) => ({
      lockouts: lockouts.map(({ userId, lockedUntil }) => ({
        user_id: userId,
        user: names.get(userId) ?? null,
        locked_until: new Date(lockedUntil).toISOString(),
      })),
      next: next ?? null,
    }),
    sections(shown, rq) {
      const { rules } = limits;
      const known = (key: Parameters<typeof text>[1], said: string): LabelledCell => ({
        label: text(rq, key),
        text: said,
      });
      const off = text(rq, "ADMIN_LIMIT_OFF");
      return [
        {
          title: text(rq, "ADMIN_LOCKOUTS"),
          table: {
            label: text(rq, "ADMIN_LOCKOUTS"),
            columns: (["ADMIN_USER", "ADMIN_LOCKED_UNTIL", "ADMIN_ACTIONS"] as const).map((key) => ({
              text: text(rq, key),
            })),
            rows: shown.lockouts.map(({ userId, lockedUntil }) => [
              userCell(admin, shown.names, userId),
              time(rq, lockedUntil),
              { text: text(rq, "ADMIN_UNLOCK"), href: pathOf(admin, "admin_user_unlock", { id: userId }) },
            ]),
            empty: text(rq, "ADMIN_NONE"),
          },
          links: pagerLinks(rq, rq.path, new URLSearchParams(), { ...shown, next: shown.next?.toString() }),
        },
        {
          title: text(rq, "ADMIN_LIMITS_IN_FORCE"),
          facts: [
            known("ADMIN_LIMIT_ACCOUNT", rate(rq, rules.perAccount)),
            known("ADMIN_LIMIT_ADDRESS", rate(rq, rules.perAddress)),
            known("ADMIN_LIMIT_MAIL_TARGET", rate(rq, rules.mailPerTarget)),
            known("ADMIN_LIMIT_MAIL_ADDRESS", rate(rq, rules.mailPerAddress)),
            known("ADMIN_LIMIT_LOCKOUT", rules.lockout === undefined ? off : String(rules.lockout.failures)),
          ],
        },
      ];
    },
  });
}

/** "10 in 15 minutes". */
function rate(rq: SecurityRequest, budget: Budget | undefined): string {
  if (budget === undefined) return text(rq, "ADMIN_LIMIT_OFF");
  const { count, interval } = budget;
  return text(rq, "ADMIN_LIMIT_RATE", { count, time: lengthOfTime(rq.catalogue.language, count * interval) });
}
