/** A system with every page of the account's life, for the tests of it in each language. */
import { outbox, portcullis } from "portcullis";
import {
  accountDeletion,
  changeEmail,
  changePassword,
  confirmation,
  notices,
  passwordless,
  passwords,
  recovery,
  registration,
  sessions,
  tracking,
  unlock,
  usernames,
} from "portcullis/features";
import { weakHashing } from "../http/authn-system.ts";
import { type RunningExample, startExample } from "./example-server.ts";

/** The running system. */
export interface Life extends RunningExample {
  readonly box: ReturnType<typeof outbox>;
  settled(): Promise<void>;
  /** Makes the system's clock go on by so many milliseconds. */
  later(milliseconds: number): void;
}

/** Starts it. */
export async function startLife(): Promise<Life> {
  const box = outbox();
  let settled = async (): Promise<void> => {};
  let offset = 0;
  const example = await startExample(async ({ origin, database }) => {
    const security = await portcullis({
      secretKeys: ["a secret of the browser's tests, long enough"],
      origins: [origin],
      datastore: database,
      mail: { sender: box },
      clock: () => Date.now() + offset,
      log: () => {},
      passwords: { hashing: weakHashing },
      identities: ["email", "username"],
      features: [
        passwords(),
        registration(),
        confirmation(),
        recovery(),
        changePassword(),
        changeEmail(),
        usernames({ reserved: [] }),
        passwordless(),
        tracking(),
        sessions(),
        notices(),
        unlock(),
        accountDeletion(),
      ],
    });
    settled = () => security.delivery.idle();
    const app = security.app();
    app.get("/favicon.ico", { authz: "OPEN" }, (c) => c.body(null, 204));
    app.get("/", { authz: "AUTH" }, (c) => c.text(c.var.user.email));
    return { app, security };
  });
  return {
    ...example,
    box,
    settled: () => settled(),
    later: (milliseconds) => {
      offset += milliseconds;
    },
  };
}
