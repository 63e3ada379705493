import type { ApiKey } from "../../authn/api-keys.ts";
import { networkOf } from "../../authn/limits/network.ts";
import type { Operations, Transaction } from "../../datastore/contract.ts";
import { withAccount } from "../../datastore/held-account.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { Account } from "../../model/account.ts";
import { UniqueConflictError } from "../../model/errors.ts";
import type { Ticket } from "../../model/session.ts";
import { table } from "../../model/tables.ts";
import { sha256 } from "../../secrets/random.ts";
import { formPage } from "../../views/pages.ts";
import { changedAccount, type LineageSince, madeSince } from "../account-state.ts";
import { keySchema, keyView } from "../api-keys/view.ts";
import { type Endpoint, invalid } from "../endpoint.ts";
import type { Feature, FeatureKernel, Kernel } from "../feature.ts";
import { linkDone, linkEndpoint } from "../links.ts";
import { deviceOf } from "../sessions/device.ts";
import { noticesMails } from "./mails.ts";

const purpose = "not-me";
const day = 86_400_000;
/** A link "this was not me" works for so long. */
const linkLife = 7 * day;
/** A device that was not used for so long is new again. */
const remembered = 180 * day;
/** When the mark of a user was last seen, so to say: it does not age. */
const always = Number.MAX_SAFE_INTEGER;

/**
 * Mails a notice when somebody signs in from a device that the account was not used from before, with a link "this was not
 * me": it ends everything that is signed in, and mails a link for a new password. A device is a program on a system in a network.
 */
export function notices(): Feature {
  let kernel: FeatureKernel | undefined;
  return {
    name: "notices",
    tables: {
      device: table("portcullis_device", ["id"], {
        // A hash of user, program, system and network: it finds a device again, and tells nobody which one it is.
        id: { type: "key", length: 64 },
        userId: { type: "integer", index: true, references: { table: "user", column: "id", onDelete: "cascade" } },
        firstSeenAt: { type: "epochMs" },
        lastSeenAt: { type: "epochMs", index: true },
      }),
    },
    pages: { notMe: formPage },
    mails: noticesMails,
    start: (started) => {
      kernel = started;
      // The devices of who began an account that was another's are known no longer.
      started.system.events.on("registrationDisowned", ({ user }) =>
        started.background(() => forgetDevices(started.datastore, user.id)),
      );
    },
    // Not in the transaction of the session: a sign-in neither waits for it nor fails with it.
    async signedIn(_tx, account, rq, lineage) {
      const since = { lineage, at: rq.system.now() };
      kernel?.background(() => noteDevice(kernel as FeatureKernel, account, rq, since));
    },
    endpoints: (started) => [notMe(started)],
    purge: async ({ datastore, system }) => {
      await datastore.delete("device", { lastSeenAt: { lt: system.now() - remembered } });
    },
  };
}

/**
 * Stands among the devices of a user from the first one on, and stays when they are forgotten: where there is nothing, nobody
 * has ever signed in.
 */
function markOf(userId: number): Readonly<{ id: string; userId: number; firstSeenAt: number; lastSeenAt: number }> {
  return { id: sha256(JSON.stringify([userId, "signed in before"])), userId, firstSeenAt: 0, lastSeenAt: always };
}

/** Sets it where it is missing; the transaction has taken the account's row. */
async function setMark(tx: Operations, userId: number): Promise<void> {
  const mark = markOf(userId);
  if ((await tx.count("device", { id: mark.id })) === 0) await tx.insert("device", mark);
}

/** From here on every device of the user is new. */
async function forgetDevices(operations: Operations, userId: number): Promise<void> {
  await operations.delete("device", { userId, id: { not: markOf(userId).id } });
}

/** Keeps a device that is not known, and tells of it where somebody has signed in to the account before. */
async function keepDevice(
  { datastore }: FeatureKernel,
  account: Account,
  id: string,
  at: number,
  tell: (tx: Transaction) => Promise<void>,
): Promise<void> {
  const userId = account.id;
  try {
    // It takes the account's row: of two first ones at once only one is, and none of a sign-in that was disowned meanwhile
    // becomes known.
    await withAccount(datastore, account, async (tx) => {
      await tx.insert("device", { id, userId, firstSeenAt: at, lastSeenAt: at });
      const alone = (await tx.count("device", { userId })) === 1;
      await setMark(tx, userId);
      // Of the first device nobody needs to be told: it is the one that the account was made on.
      if (!alone) await tell(tx);
    });
  } catch (error) {
    // Two sign-ins at once from one new device: the other one tells.
    if (!(error instanceof UniqueConflictError)) throw error;
  }
}

async function noteDevice(
  kernel: FeatureKernel,
  account: Account,
  rq: SecurityRequest,
  since: LineageSince,
): Promise<void> {
  const { datastore } = kernel;
  const at = rq.system.now();
  const device = deviceOf(rq.header("user-agent") ?? null);
  const network = rq.address === undefined ? "" : networkOf(rq.address);
  const id = sha256(JSON.stringify([account.id, device?.program ?? "", device?.system ?? "", network]));
  if ((await datastore.update("device", { id }, { lastSeenAt: at })) > 0) return;
  await keepDevice(kernel, account, id, at, async (tx) => {
    const token = await kernel.tickets.issue({ purpose, user: account, payload: { ...since }, life: linkLife }, tx);
    const data = {
      link: kernel.link("not_me", token),
      at,
      ...(rq.address === undefined ? {} : { address: rq.address }),
      ...(device?.program === undefined ? {} : { program: device.program }),
      ...(device?.system === undefined ? {} : { system: device.system }),
    };
    await kernel.mail.send(rq, "newDevice", account, data, { tx, life: linkLife });
  });
}

function notMe(kernel: Kernel): Endpoint {
  const to = (rq: SecurityRequest): string =>
    kernel.path("forgot_password") ?? kernel.path("login") ?? kernel.destinations.afterSignOut(rq);
  return linkEndpoint(kernel, {
    name: "not_me",
    path: "/not-me",
    purpose,
    page: "notMe",
    title: "TITLE_NOT_ME",
    async intro({ account, ticket }) {
      const keys = (await keysOf(kernel, account, ticket)).map(({ name }) => name).join(", ");
      return keys === "" ? { key: "INTRO_NOT_ME" } : { key: "INTRO_NOT_ME_KEYS", params: { keys } };
    },
    async shown({ account, ticket }) {
      const { apiKeys } = kernel;
      if (apiKeys === undefined) return {};
      return { api_keys: (await keysOf(kernel, account, ticket)).map((key) => keyView(apiKeys, key)) };
    },
    answers: { shown: { api_keys: { type: "array", items: keySchema } } },
    submitLabel: "SUBMIT_NOT_ME",
    fields: {},
    invalid: "INVALID_LINK",
    invalidTo: to,
    async submit({ rq, link }) {
      const { account, ticket } = link;
      let keys: readonly ApiKey[] = [];
      // Sessions, tokens, remember credentials, links and keys: whatever the stranger holds is worth nothing from here on.
      const now = await changedAccount(
        (told) => kernel.users.setUniquifier(account, { onlyIf: (tx) => link.redeem(tx), ...told }),
        {
          async also(after, tx) {
            keys = await keysOf(kernel, account, ticket, tx);
            for (const { id } of keys) await tx.delete("apiKey", { id });
            await forgetDevices(tx, account.id);
            await setMark(tx, account.id);
            await kernel.services.recovery?.send(rq, after, tx);
          },
          tell(user) {
            rq.system.events.emit("signInDisowned", { user });
            for (const { id } of keys) rq.system.events.emit("apiKeyRevoked", { userId: user.id, key: id });
          },
        },
      );
      if (now === undefined) return invalid({});
      return linkDone(kernel, rq, to(rq), { key: "SIGN_IN_DISOWNED" }, now);
    },
  });
}

/**
 * The API keys that were made since the sign-in that the link is about, in whatever sign-in: the stranger may have come back on
 * a device that was known by then.
 */
async function keysOf(
  { apiKeys, system }: Pick<Kernel, "apiKeys" | "system">,
  account: Account,
  { payload, createdAt }: Ticket,
  tx?: Operations,
): Promise<readonly ApiKey[]> {
  if (apiKeys === undefined) return [];
  // Links that were mailed before the sign-in was noted say nothing of it: they were made with it.
  const { lineage = "", at = createdAt } = payload as { readonly lineage?: string; readonly at?: number };
  // Where that is still to come, the clock was set back: it may have been at any time.
  const since = { lineage, at: at > system.now() ? 0 : at };
  return (await apiKeys.of(account.id, tx)).filter((key) => madeSince(key, since));
}
