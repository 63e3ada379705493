import { Hono } from "hono";
import type { Assembly } from "../assembly.ts";
import { endDevice } from "../authn/ending.ts";
import type { TokenOverrides } from "../authn/tokens/index.ts";
import { askAndDo } from "../authz/asking.ts";
import { visibleCondition, visibleObjects } from "../authz/decisions.ts";
import { explain } from "../authz/explain.ts";
import { mayChangeRole } from "../authz/role-members.ts";
import type { Roles } from "../datastore/roles.ts";
import type { Users } from "../datastore/user-operations.ts";
import { idOf, UnknownUserError, type UserReference } from "../datastore/user-reference.ts";
import { createKeyFor } from "../features/api-keys/for-owner.ts";
import { type Fault, faultText } from "../features/fields.ts";
import { policyFaults, setCheckedPassword } from "../features/passwords/checked-password.ts";
import { signOutAction } from "../features/passwords/sign-out.ts";
import { removeAccount } from "../features/removal.ts";
import { devicesOf } from "../features/sessions/devices.ts";
import { takenColumns, takenFault } from "../features/taken-columns.ts";
import type { Account } from "../model/account.ts";
import { PortcullisError } from "../model/errors.ts";
import { sourceOf } from "../model/identity.ts";
import { labelOfColumn } from "../model/label.ts";
import type { User } from "../model/user.ts";
import { PasswordRefusedError } from "../passwords/refused.ts";
import { createApp } from "../routes/app.ts";
import { checkCsrf, requestOf } from "../routes/run.ts";
import type { CurrentUser, Vocabulary } from "../routes/vocabulary.ts";
import type { Security } from "../security.ts";
import { html } from "../views/index.ts";
import { requestAt, requestChecks } from "./request-checks.ts";
import { toldUsers } from "./told-users.ts";

/** Makes of the wired rooms what users hold. */
export function secure<V extends Vocabulary>(assembly: Assembly): Security<V> {
  const { kernel, app } = assembly;
  const { system } = kernel;
  const checks = requestChecks<V>(app);
  const wordsOf = (faults: readonly Fault[]): readonly string[] =>
    faults.map((fault) => faultText(fault, system.catalogues.default));
  const accountOf = async (user: UserReference): Promise<Account> => {
    const account = await kernel.users.get(idOf(user));
    if (account === undefined) throw new UnknownUserError(idOf(user));
    return account;
  };

  return {
    app: () => createApp<V>(app),
    accounts() {
      const hono = new Hono();
      const add: Parameters<typeof app.accounts.register>[0] = (method, path, handler) => {
        hono.on(method, path, handler);
      };
      app.accounts.register(add);
      app.description.register(add, () => app.accounts.described);
      return hono;
    },
    guard: (authz) => checks.middleware(authz) as never,
    check: (request, authz, from) => checks.check(request, authz, from) as never,
    checkLoginState: async (request, options = {}, from) => checks.checkLoginState(request, options, from) as never,
    mayActOn: (actor, target) => system.acting.mayActOn(actor as Account | null, target),
    mayMake: (actor, future) => system.acting.mayMake(actor as Account | null, future),
    mayChangeRole: (actor, name, permissions) =>
      mayChangeRole(system.acting, kernel, actor as Account | null, { name, permissions }),
    askAndDo: (concerned, work) => askAndDo(kernel.datastore, concerned, work),
    visible: (kind, user, ids, mode) => visibleObjects(system.decisions, kind, user as Account | null, ids, mode),
    visibleWhere: (kind, user, mode) => visibleCondition(system.decisions, kind, user as Account | null, mode) as never,
    explain(authz, of) {
      const { guard, facts } = checks.compile(authz, "security.explain()", false);
      return explain(system, guard, facts, of, app.refusals.notFoundStatus);
    },
    users: toldUsers(kernel) as unknown as Users<V["user"] & User, V["role"], V["permission"]>,
    roles: kernel.roles as unknown as Roles<V["role"], V["permission"]>,
    events: system.events,
    lockouts: (page) => kernel.limits.locked(page),
    audit: assembly.audit,
    async setPassword(user, password, options) {
      return wordsOf(await setCheckedPassword(kernel, await accountOf(user), password, options));
    },
    async removeUser(user, options) {
      await removeAccount(kernel, await accountOf(user), options);
    },
    async passwordFaults(whose, password) {
      return wordsOf(await policyFaults(kernel, whose, password));
    },
    readOwnValues(texts) {
      const { values, faults } = assembly.ownValues(texts);
      const said = (fault: Fault | string): string => (typeof fault === "string" ? fault : wordsOf([fault]).join());
      const lines = Object.entries(faults).flatMap(([name, list]) => list.map((fault) => `${name}: ${said(fault)}`));
      return { values, faults: lines };
    },
    async takenOwnValues(values, thrown) {
      const taken = await takenColumns(kernel, values, thrown);
      return taken.map((name) => {
        const label = labelOfColumn(name, kernel.ownColumns.get(name) ?? {});
        return `${name}: ${wordsOf([takenFault(label, values[name])]).join()}`;
      });
    },
    async hashPassword(password, { check: checked = false, user, field } = {}) {
      const identities = [user?.email, user?.username].filter((name) => typeof name === "string");
      const known = user?.id === undefined ? { identities } : { identities, account: { id: user.id } };
      const faults = checked ? await kernel.policy.check(password, known) : [];
      if (faults.length > 0) throw new PasswordRefusedError(faults, field);
      return kernel.hasher.hash(password);
    },
    checkPassword: async (password, hash) => (await kernel.hasher.verify(password, hash)).ok,
    async checkUserPassword(login, password, c) {
      const account = await kernel.proof.find(login);
      const rq = c === undefined ? undefined : requestAt(c);
      const guess = await kernel.proof.guess({ rq, account, identity: login, password, authType: "check" });
      const found = guess.proved === "right" && account?.active === true ? account : undefined;
      await guess.settle(found === undefined ? "refused" : "letIn");
      return found as CurrentUser<V> | undefined;
    },
    currentUser: (c) => (requestOf(c)?.identity?.account ?? null) as CurrentUser<V> | null,
    async getUser(c) {
      // Without a guard nobody would send the cookies of a session that is restored on the way.
      const rq = requestAt(c);
      if (rq.identity === undefined) {
        await system.identify(rq);
        // Nobody has looked at this yet.
        if ((await checkCsrf(rq)).kind !== "allow") rq.identity = undefined;
      }
      return (rq.identity?.account ?? null) as CurrentUser<V> | null;
    },
    userScope(c, name) {
      const identity = requestOf(c)?.identity;
      return identity !== undefined && (identity.scopes === undefined || identity.scopes.includes(name));
    },
    async verifyPassword(user, password, c) {
      const rq = c === undefined ? undefined : requestAt(c);
      const account: Account | undefined = user === undefined ? undefined : await assembly.again(user);
      return kernel.proof.check({ rq, account, password, authType: "check" });
    },
    async createToken(user, overrides = {}) {
      const account = await assembly.again(user);
      if (account === undefined) throw new UnknownUserError(idOf(user));
      const source = typeof user === "object" ? sourceOf(user) : undefined;
      return assembly.tokens.create(account, overrides as TokenOverrides, source);
    },
    setTokenCookie: (c, token) => assembly.tokens.setCookie(requestAt(c), token),
    clearTokenCookie: (c) => assembly.tokens.clearCookie(requestAt(c)),
    csrfToken: (c) => system.csrf.token(requestAt(c)),
    csrfField: (c) => html`<input type="hidden" name="csrf_token" value="${system.csrf.token(requestAt(c))}">`,
    signOutButton(c, text) {
      const path = kernel.path("logout");
      if (path === undefined) return undefined;
      const action = signOutAction(requestAt(c), path);
      const inputs = Object.entries(action.hidden).map(
        ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
      );
      return html`<form method="post" action="${path}">${inputs}<button type="submit" class="quiet">${text ?? action.text}</button></form>`;
    },
    page(c, { title, content, links, status }) {
      const rq = requestAt(c);
      const { pages } = assembly;
      const frame = pages.frame(rq, title, links ?? [], app.bags.open(rq).flashes());
      return pages.send(rq, pages.views.elements.layout(frame, content), status ?? 200);
    },
    answer: assembly.answer,
    accessMatrix: () => [...app.accounts.records, ...app.description.records],
    devices: {
      of: async (user) => devicesOf(kernel, await accountOf(user)),
      async end(user, id, options) {
        const account = await accountOf(user);
        const device = (await devicesOf(kernel, account)).find((it) => it.id === id);
        if (device === undefined) return false;
        const tell = (count: number): void =>
          system.events.emit("sessionsEnded", { user: account, which: "one", count });
        await endDevice(kernel, account, device, { ...options, session: undefined, tell });
        return true;
      },
    },
    apiKeys: kernel.apiKeys && {
      async create(user, request, options) {
        if (typeof user === "object" && sourceOf(user) !== undefined) {
          throw new PortcullisError(
            "not_granted",
            "the user is seen through a credential that is less than the account",
          );
        }
        return createKeyFor(kernel, await accountOf(user), request, options);
      },
      of: async (user) => kernel.apiKeys?.of(idOf(user)) ?? [],
      revoke: async (user, id, options) => (await kernel.apiKeys?.revoke(idOf(user), id, options)) === true,
    },
    transfer: assembly.transfer,
    invalidate: (user) => assembly.invalidate(user?.id),
    cacheStats: assembly.cacheStats,
    uncache: assembly.uncache,
    delivery: {
      idle: assembly.delivery.idle,
      verifyMail: assembly.delivery.verifyMail,
      sendTestMail: assembly.delivery.sendTestMail,
    },
    databaseTime: async () => kernel.datastore.now?.(),
    hearsOthers: () => kernel.datastore.bus?.hears?.(),
    purge: assembly.purge,
    close: assembly.close,
  };
}
