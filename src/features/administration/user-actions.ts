import type { AskedOptions } from "../../datastore/access-state.ts";
import { LastAdministratorError } from "../../datastore/administrators.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { MessageKey } from "../../i18n/catalogue.ts";
import { type Account, withColumns } from "../../model/account.ts";
import type { PageLink } from "../../views/contract.ts";
import { mayMake, outOfReach } from "../acting.ts";
import { type Answer, done, type Endpoint, refused } from "../endpoint.ts";
import type { Kernel } from "../feature.ts";
import { removeAccount } from "../removal.ts";
import { userInPath } from "../user-path.ts";
import { type Administration, changingPage, pathOf, text } from "./pages.ts";

/** Something that is done to an account, after a page has asked. */
interface UserAction {
  readonly name: string;
  readonly segment: string;
  readonly title: MessageKey;
  readonly ask: MessageKey;
  /** Offered for this account. */
  readonly fits: (user: Account) => boolean;
  /** Not with the own account: whoever is to lose it, somebody else takes it from them. */
  readonly notYourself?: true;
  /** What it makes of the account, which is asked about too. */
  readonly makes?: Readonly<Record<string, unknown>>;
  /** Does it; what the next page says. */
  readonly run: (kernel: Kernel, user: Account, asked: Required<AskedOptions>) => Promise<MessageKey>;
  /** The account is gone: the next page is the list. */
  readonly removes?: true;
}

const always = (): boolean => true;

const actions: readonly UserAction[] = [
  {
    name: "admin_user_activate",
    segment: "activate",
    title: "ADMIN_ACTIVATE",
    ask: "ADMIN_ACTIVATE_ASK",
    fits: ({ active }) => !active,
    makes: { active: true },
    async run({ users }, user, asked) {
      await users.activate(user, asked);
      return "ADMIN_USER_ACTIVATED";
    },
  },
  {
    name: "admin_user_deactivate",
    segment: "deactivate",
    title: "ADMIN_DEACTIVATE",
    ask: "ADMIN_DEACTIVATE_ASK",
    fits: ({ active }) => active,
    makes: { active: false },
    notYourself: true,
    async run({ users }, user, asked) {
      await users.deactivate(user, asked);
      return "ADMIN_USER_DEACTIVATED";
    },
  },
  {
    name: "admin_user_unlock",
    segment: "unlock",
    title: "ADMIN_UNLOCK",
    ask: "ADMIN_UNLOCK_ASK",
    fits: always,
    run: async ({ users }, user, asked) =>
      (await users.unlock(user, asked)) ? "ADMIN_USER_UNLOCKED" : "ADMIN_USER_NOT_LOCKED",
  },
  {
    name: "admin_user_end_sessions",
    segment: "end-sessions",
    title: "ADMIN_END_SESSIONS",
    ask: "ADMIN_END_SESSIONS_ASK",
    fits: always,
    async run({ users, system }, user, asked) {
      const tell = (count: number): void => system.events.emit("sessionsEnded", { user, which: "all", count });
      await users.endSessions(user, { ...asked, tell });
      return "ADMIN_USER_SIGNED_OUT";
    },
  },
  {
    name: "admin_user_reset_access",
    segment: "reset-access",
    title: "ADMIN_RESET",
    ask: "ADMIN_RESET_ASK",
    fits: always,
    async run({ users, system }, user, asked) {
      await users.resetAccess(user, {
        ...asked,
        tell: () => system.events.emit("accessReset", { userId: user.id }),
      });
      return "ADMIN_USER_RESET";
    },
  },
  {
    name: "admin_user_delete",
    segment: "delete",
    title: "ADMIN_DELETE_USER",
    ask: "ADMIN_DELETE_USER_ASK",
    fits: always,
    notYourself: true,
    removes: true,
    async run(kernel, user, asked) {
      await removeAccount(kernel, user, asked);
      return "ADMIN_USER_DELETED";
    },
  },
];

/** `/admin/users/:id/activate`, `…/deactivate`, `…/unlock`, `…/end-sessions`, `…/reset-access`, `…/delete`: each asks first. */
export function userActions(admin: Administration): readonly Endpoint[] {
  return actions.map((action) =>
    changingPage(admin, {
      name: action.name,
      path: `${admin.path}/users/:id/${action.segment}`,
      title: action.title,
      submitLabel: action.title,
      fields: {},
      read: (rq) => userInPath(admin.kernel, rq),
      account: (user) => user,
      intro: (_rq, user) => ({ key: action.ask, params: { user: user.email } }),
      objection: (rq, user) => (action.notYourself === true && isYourself(rq, user) ? "ADMIN_NOT_YOURSELF" : undefined),
      submit: ({ rq }, user, asked) =>
        keepingAdministrators(async () => {
          const { makes } = action;
          if (makes !== undefined && !(await mayMake(rq, withColumns(user, makes)))) return outOfReach(rq, user);
          const key = await action.run(admin.kernel, user, asked);
          const to =
            action.removes === true ? pathOf(admin, "admin_users") : pathOf(admin, "admin_user", { id: user.id });
          return done(to, { message: { key } });
        }),
      back: (user) => pathOf(admin, "admin_user", { id: user.id }),
    }),
  );
}

/** Links to what can be done to this account. */
export function actionsFor(admin: Administration, rq: SecurityRequest, user: Account): readonly PageLink[] {
  const forms = [
    ["admin_user_edit", "ADMIN_EDIT_USER"],
    ...(isYourself(rq, user) ? [] : ([["admin_user_password", "ADMIN_SET_PASSWORD"]] as const)),
  ] as const;
  const fitting = actions
    .filter(({ fits, notYourself }) => fits(user) && !(notYourself === true && isYourself(rq, user)))
    .map(({ name, title }) => [name, title] as const);
  return [...forms, ...fitting].map(([name, key]) => ({
    href: pathOf(admin, name, { id: user.id }),
    text: text(rq, key),
  }));
}

/** Whether the page is about whoever asks for it. */
export function isYourself(rq: SecurityRequest, user: Account): boolean {
  return rq.identity?.account.id === user.id;
}

/** Says in words when a change would leave nobody who may manage users; nothing is done then. */
export async function keepingAdministrators(change: () => Promise<Answer>): Promise<Answer> {
  try {
    return await change();
  } catch (error) {
    if (error instanceof LastAdministratorError) return refused("ADMIN_LAST_ADMINISTRATOR");
    throw error;
  }
}
