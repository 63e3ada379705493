import type { Operations } from "../../datastore/contract.ts";
import { writeDecoy } from "../../datastore/rehearsal.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { Account } from "../../model/account.ts";
import { nobodyId } from "../../model/decoy.ts";
import type { Row } from "../../model/schema.ts";
import type { Feature, FeatureKernel } from "../feature.ts";

/** How often a count is tried again that another process changed meanwhile. */
const tries = 10;

/**
 * Keeps with each user when and from where they signed in last and before that, how often (the columns of Flask-Security's
 * trackable users), and `failedLoginCount`: the failed proofs since the last sign-in.
 */
export function tracking(): Feature {
  return {
    name: "tracking",
    userColumns: {
      failedLoginCount: { name: "failed_login_count", type: "integer", nullable: false, default: 0 },
    },
    signedIn: signedIn,
    start: (kernel) => {
      // In the background, which the end of the system waits for: nothing that was counted is lost.
      const count = (work: () => Promise<void>): void => kernel.background(work);
      kernel.system.events.on("userFailedAuthn", ({ user }) => count(() => countFailure(kernel, user.id)));
      kernel.system.events.on("unknownIdentity", () => count(() => countNobody(kernel)));
      // A right password that is refused is no failed proof, but the load must not tell it from one.
      kernel.system.events.on("signInRefused", ({ authnVia }) => {
        if (authnVia.length === 1 && authnVia[0] === "password") count(() => countNobody(kernel));
      });
    },
  };
}

/** In the transaction of the session, which holds the user's row: neither is kept without the other. */
async function signedIn(tx: Operations, account: Account, rq: SecurityRequest): Promise<Readonly<Row> | undefined> {
  const at = new Date(rq.system.now());
  // From the row, not the account that was proved: sign-ins at once must all be counted.
  const row = await tx.findOne("user", { id: account.id });
  if (row === undefined) return undefined;
  const columns = {
    failedLoginCount: 0,
    // The first time there is no sign-in before: its time is that of this one, its address unknown, as Flask-Security has it.
    lastLoginAt: row["currentLoginAt"] ?? at,
    lastLoginIp: row["currentLoginIp"] ?? null,
    currentLoginAt: at,
    currentLoginIp: rq.address ?? null,
    loginCount: ((row["loginCount"] as number | null) ?? 0) + 1,
  };
  await tx.update("user", { id: account.id }, columns);
  return columns;
}

/** The same statements, and one row written, so that the load after the answer does not tell who has an account. */
async function countNobody({ datastore, system }: FeatureKernel): Promise<void> {
  await datastore.findOne("user", { id: nobodyId });
  await writeDecoy(datastore, system.now());
}

/** Off the request path: the answer to a wrong password does not wait for it. */
async function countFailure({ datastore }: FeatureKernel, id: number): Promise<void> {
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const row = await datastore.findOne("user", { id });
    if (row === undefined) return;
    const failedLoginCount = row["failedLoginCount"] as number;
    const next = { failedLoginCount: failedLoginCount + 1 };
    if ((await datastore.update("user", { id, failedLoginCount }, next)) === 1) return;
  }
  throw new Error("the count of failed sign-ins is written by too many at once");
}
