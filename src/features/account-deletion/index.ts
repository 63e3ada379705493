import type { Gate } from "../../authn/gates.ts";
import { fresh } from "../../authz/guards/authentication.ts";
import type { AskedOptions } from "../../datastore/access-state.ts";
import { LastAdministratorError } from "../../datastore/administrators.ts";
import type { Operations } from "../../datastore/contract.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { Account } from "../../model/account.ts";
import type { Awaitable } from "../../model/awaitable.ts";
import { inTime } from "../../model/deadline.ts";
import { type Duration, milliseconds } from "../../model/duration.ts";
import { ConfigurationError, UniqueConflictError, WithdrawnError } from "../../model/errors.ts";
import type { Schema } from "../../model/schema.ts";
import { table } from "../../model/tables.ts";
import { formPage } from "../../views/pages.ts";
import { issueFor, ownAccount, unchanged } from "../account-state.ts";
import { type Answer, done, download, type Endpoint, endpoint, invalid, refused } from "../endpoint.ts";
import type { Feature, Kernel } from "../feature.ts";
import { passwordField } from "../fields.ts";
import { applyProof, firstProofPage, readFirstProof } from "../first-proof.ts";
import { linkDone, linkEndpoint } from "../links.ts";
import { checkOptions } from "../options.ts";
import { personalData } from "./export.ts";
import { accountDeletionMails } from "./mails.ts";

/** Options of the feature `accountDeletion`. */
export interface AccountDeletionOptions {
  /** How long the owner may take it back, by a mailed link; default "14d". "now": there is no way back. */
  readonly grace?: Duration | "now";
  /**
   * Runs before the account is removed for good: the application's own data. What it throws stops the removal until the next try, and so
   * does no answer within `ruleDeadline`: it may be called again while it is still at work, and takes long work to a queue.
   */
  readonly onDelete?: (user: Account) => Awaitable<void>;
  /** What the application knows of the user, for the export beside the account's own data. Must be JSON, within `ruleDeadline`. */
  readonly export?: (user: Account) => Awaitable<Readonly<Record<string, unknown>>>;
}

/** What other features ask of the deletion of accounts. */
export interface AccountDeletionService {
  /** True while the account is shut and waits for its removal. */
  pending(account: Account, tx?: Operations): Promise<boolean>;
  /**
   * Removes the account for good, the application's own data first. Once `asked` held, the account is shut: what stops the
   * removal then stops it until the next try. Throws WithdrawnError, LastAdministratorError.
   */
  remove(account: Account, options?: AskedOptions): Promise<void>;
}

const tables: Schema = {
  deletion: table("portcullis_deletion", ["userId"], {
    userId: {
      type: "integer",
      references: { table: "user", column: "id", onDelete: "cascade" },
    },
    requestedAt: { type: "epochMs" },
    dueAt: { type: "epochMs", index: true },
  }),
};

/**
 * `/delete-account`: the owner, freshly signed in, confirms by password, or by a mailed link where the account has none. The
 * account is shut at once and removed after a grace period, in which a mailed link takes it back. `/export-account`: one's
 * data as a JSON file.
 */
export function accountDeletion(options: AccountDeletionOptions = {}): Feature {
  checkOptions("accountDeletion", options, { grace: "string", onDelete: "function", export: "function" });
  const given = options.grace ?? "14d";
  const grace = given === "now" ? 0 : milliseconds("accountDeletion.grace", given);
  return {
    name: "accountDeletion",
    tables,
    leavingTables: Object.keys(tables),
    pages: {
      deleteAccount: formPage,
      deleteAccountConfirm: formPage,
      keepAccount: formPage,
      exportAccount: formPage,
    },
    mails: accountDeletionMails,
    gates: (kernel) => [pendingGate(kernel)],
    services: (kernel) => ({
      accountDeletion: {
        pending: (account, tx) => pending(kernel, account, tx),
        remove: (account, asked) => removeAsked(kernel, account, options, asked),
      },
    }),
    endpoints: (kernel) => [
      deleteAccount(kernel, grace, options),
      deleteByLink(kernel, grace, options),
      ...(grace === 0 ? [] : [keepAccount(kernel)]),
      exportAccount(kernel, options),
    ],
    purge: (kernel) => removeDue(kernel, options),
  };
}

/** An account that waits for its removal is shut, on every channel. */
function pendingGate(kernel: Pick<Kernel, "datastore">): Gate {
  return {
    name: "deletion",
    // It asks the database: behind the confirmed address, so that no time tells who registered an address from who found it taken.
    order: 350,
    async check({ account }) {
      return (await pending(kernel, account)) ? { refuse: "ACCOUNT_BEING_DELETED" } : "pass";
    },
  };
}

async function pending(
  { datastore }: Pick<Kernel, "datastore">,
  account: Account,
  tx: Operations = datastore,
): Promise<boolean> {
  return (await tx.count("deletion", { userId: account.id })) > 0;
}

const confirmPurpose = "delete-account";
const keepPurpose = "keep-account";
/** A link that confirms works for so long. */
const confirmLife = 3_600_000;

function deleteAccount(kernel: Kernel, grace: number, options: AccountDeletionOptions): Endpoint {
  return endpoint({
    name: "delete_account",
    path: "/delete-account",
    authz: fresh(),
    page: "deleteAccount",
    title: "TITLE_DELETE_ACCOUNT",
    intro: grace === 0 ? "INTRO_DELETE_ACCOUNT_NOW" : "INTRO_DELETE_ACCOUNT",
    submitLabel: "SUBMIT_DELETE_ACCOUNT",
    // An account without a password gets a mail each time.
    limits: { perIdentity: "10/1h", perAddress: "30/1h" },
    answers: {
      shown: { active_password: { type: "boolean" } },
      done: {
        pending: {
          const: "delete_account_confirm",
          description: "The account has no password: nothing is done before the mailed link is used.",
        },
      },
    },
    fields: { password: passwordField({ autocomplete: "current-password", optional: true }) },
    // Then a mail asks in its place.
    omits: (rq) => (rq.identity?.account.password == null ? ["password"] : []),
    show: (rq) => ({ active_password: rq.identity?.account.password != null }),
    async submit({ rq, fields }) {
      const account = await ownAccount(kernel, rq);
      if (account === undefined) return refused("UNAUTHENTICATED");
      if (account.password === null) {
        const request = { purpose: confirmPurpose, user: account, life: confirmLife, replacesOlder: true };
        const token = await issueFor(kernel, rq, request, async (issued, tx) => {
          const link = kernel.link("delete_account_confirm", issued);
          const data = { link, within: confirmLife };
          await kernel.mail.send(rq, "deleteAccountInstructions", account, data, { tx });
        });
        if (token === undefined) return refused("UNAUTHENTICATED");
        return done(kernel.path("delete_account") ?? "/", {
          message: { key: "DELETE_ACCOUNT_SENT" },
          response: { pending: "delete_account_confirm" },
        });
      }
      if (fields.password === "") return invalid({ password: [{ key: "PASSWORD_NOT_PROVIDED" }] });
      if (!(await kernel.proof.check({ rq, account, password: fields.password, authType: "password" }))) {
        return invalid({ password: [{ key: "INVALID_PASSWORD" }] });
      }
      const outcome = await shut(kernel, rq, account, unchanged(rq), grace, options);
      return outcome ?? refused("UNAUTHENTICATED");
    },
  });
}

function deleteByLink(kernel: Kernel, grace: number, options: AccountDeletionOptions): Endpoint {
  return linkEndpoint(kernel, {
    name: "delete_account_confirm",
    path: "/delete-account",
    purpose: confirmPurpose,
    page: "deleteAccountConfirm",
    title: "TITLE_DELETE_ACCOUNT",
    intro: "INTRO_DELETE_ACCOUNT_CONFIRM",
    submitLabel: "SUBMIT_DELETE_ACCOUNT",
    fields: {},
    invalid: "INVALID_LINK",
    invalidTo: (rq) => kernel.path("delete_account") ?? kernel.destinations.afterSignIn(rq),
    async submit({ rq, link }) {
      const outcome = await shut(kernel, rq, link.account, (tx) => link.redeem(tx), grace, options);
      return outcome ?? invalid({});
    },
  });
}

/** Shuts the account: everything that is signed in ends, and nobody signs in any more. Undefined: the condition did not hold. */
async function shut(
  kernel: Kernel,
  rq: SecurityRequest,
  account: Account,
  onlyIf: (tx: Operations) => Promise<boolean>,
  grace: number,
  options: AccountDeletionOptions,
): Promise<Answer | undefined> {
  // Nobody could let another one in.
  if (await kernel.users.isLastAdministrator(account)) throw new LastAdministratorError();
  const objection = await rq.system.events.ask("deleteAccount", { user: account }, rq);
  if (objection !== undefined) return refused(objection.refuse);
  const at = rq.system.now();
  try {
    const row = { userId: account.id, requestedAt: at, dueAt: at + grace };
    await kernel.users.shutOut(account, {
      onlyIf,
      // An account is not shut without the way back.
      async done(after, tx) {
        await tx.insert("deletion", row);
        if (grace === 0) return;
        const token = await kernel.tickets.issue({ purpose: keepPurpose, user: after, life: grace }, tx);
        const data = { link: kernel.link("keep_account", token), within: grace };
        await kernel.mail.send(rq, "accountDeletion", after, data, { tx });
      },
      tell: () => rq.system.events.emit("accountDeletionRequested", { user: account }),
    });
  } catch (error) {
    if (error instanceof WithdrawnError) return undefined;
    // Asked twice at once: the first one counts.
    if (!(error instanceof UniqueConflictError)) throw error;
  }
  await kernel.signIn.signOut(rq);
  if (grace === 0) {
    await remove(kernel, account, options);
    return done(kernel.destinations.afterSignOut(rq), { message: { key: "ACCOUNT_DELETED" } });
  }
  return done(kernel.destinations.afterSignOut(rq), { message: { key: "ACCOUNT_DELETION_BEGUN" } });
}

function keepAccount(kernel: Kernel): Endpoint {
  const to = (rq: SecurityRequest): string => kernel.path("login") ?? kernel.destinations.afterSignIn(rq);
  return linkEndpoint(kernel, {
    name: "keep_account",
    path: "/keep-account",
    purpose: keepPurpose,
    page: "keepAccount",
    title: "TITLE_KEEP_ACCOUNT",
    intro: "INTRO_KEEP_ACCOUNT",
    submitLabel: "SUBMIT_KEEP_ACCOUNT",
    ...firstProofPage(kernel),
    invalid: "INVALID_LINK",
    invalidTo: to,
    async submit({ rq, fields, link }) {
      const { account } = link;
      const proof = await readFirstProof(kernel, rq, account, fields);
      if ("answer" in proof) return proof.answer;
      const also = async (tx: Operations): Promise<boolean> =>
        (await tx.delete("deletion", { userId: account.id })) > 0;
      const tell = (): void => rq.system.events.emit("accountDeletionCancelled", { user: account });
      const now = await applyProof(kernel, rq, link, proof, { also, tell });
      if (now === undefined) return invalid({});
      return linkDone(kernel, rq, to(rq), { key: "ACCOUNT_KEPT" }, link.account);
    },
  });
}

function exportAccount(kernel: Kernel, options: AccountDeletionOptions): Endpoint {
  return endpoint({
    name: "export_account",
    path: "/export-account",
    authz: fresh(),
    page: "exportAccount",
    title: "TITLE_EXPORT_ACCOUNT",
    intro: "INTRO_EXPORT_ACCOUNT",
    submitLabel: "SUBMIT_EXPORT_ACCOUNT",
    fields: {},
    async submit({ rq }) {
      const account = await ownAccount(kernel, rq);
      if (account === undefined) return refused("UNAUTHENTICATED");
      const { deadline } = kernel.system;
      const own = (await inTime(options.export?.(account), deadline, "accountDeletion.export")) ?? {};
      if (typeof own !== "object" || own === null) {
        throw new ConfigurationError("accountDeletion.export", "must return an object");
      }
      rq.system.events.emit("accountExported", { user: account });
      return download("account.json", { ...(await personalData(kernel, account)), ...own });
    },
  });
}

/** For somebody who manages users. The application removes nothing of its own before it is certain that the account goes. */
async function removeAsked(
  kernel: Kernel,
  account: Account,
  options: AccountDeletionOptions,
  { asked }: AskedOptions = {},
): Promise<void> {
  if (options.onDelete === undefined) {
    await kernel.users.delete(account, { asked, tell: () => tellDeleted(kernel, account) });
    return;
  }
  const at = kernel.system.now();
  await kernel.users.shutOut(account, {
    asked,
    async done({ id: userId }, tx) {
      // Where the owner has asked for it before, their grace is over.
      if ((await tx.update("deletion", { userId }, { dueAt: at })) > 0) return;
      await tx.insert("deletion", { userId, requestedAt: at, dueAt: at });
    },
  });
  await remove(kernel, account, options);
}

/** Removes an account that is shut. */
async function remove(kernel: Kernel, account: Account, options: AccountDeletionOptions): Promise<void> {
  // Before the application removes what is its own.
  if (await kernel.users.isLastAdministrator(account)) throw new LastAdministratorError();
  await inTime(options.onDelete?.(account), kernel.system.deadline, "accountDeletion.onDelete");
  // The row in "deletion" goes with it: until then the account stays shut.
  await kernel.users.delete(account, { tell: () => tellDeleted(kernel, account) });
}

function tellDeleted({ system }: Kernel, user: Account): void {
  system.events.emit("accountDeleted", { user });
}

/** Removes the accounts whose grace is over; one that fails waits for the next hour. */
async function removeDue(kernel: Kernel, options: AccountDeletionOptions): Promise<void> {
  const due = await kernel.datastore.find("deletion", { dueAt: { lte: kernel.system.now() } }, { limit: 1_000 });
  for (const row of due) {
    const account = await kernel.users.get(row["userId"] as number);
    if (account === undefined) continue;
    try {
      await remove(kernel, account, options);
    } catch (error) {
      kernel.system.log("an account could not be removed", { user: account.id, error: String(error) });
    }
  }
}
