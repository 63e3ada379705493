/**
 * The English texts, which all other languages are translations of. A new key goes into the group that it belongs to (or
 * a new group, with its line here): a message with its category, or a label, title, hint, button or link as plain text.
 * The test of the translations then says which languages do not have it yet; until they do, they show the English text.
 */
import { account } from "./account.ts";
import { administration } from "./administration.ts";
import { api } from "./api.ts";
import { confirmation } from "./confirmation.ts";
import { deletion } from "./deletion.ts";
import { devices } from "./devices.ts";
import { events } from "./events.ts";
import { mails } from "./mails.ts";
import { management } from "./management.ts";
import { pages } from "./pages.ts";
import { passwords } from "./passwords.ts";
import { recovery } from "./recovery.ts";
import { registration } from "./registration.ts";
import { requests } from "./requests.ts";
import { signIn } from "./sign-in.ts";
import { strength } from "./strength.ts";

/** The English entries by key. */
export type English = typeof signIn &
  typeof registration &
  typeof passwords &
  typeof recovery &
  typeof confirmation &
  typeof account &
  typeof devices &
  typeof strength &
  typeof deletion &
  typeof management &
  typeof mails &
  typeof requests &
  typeof pages &
  typeof administration &
  typeof events &
  typeof api;

/** The groups, for the test that no key is in two. */
export const groups: readonly object[] = [
  signIn,
  registration,
  passwords,
  recovery,
  confirmation,
  account,
  devices,
  strength,
  deletion,
  management,
  mails,
  requests,
  pages,
  administration,
  events,
  api,
];

/** All of them in one. */
export const english: English = {
  ...signIn,
  ...registration,
  ...passwords,
  ...recovery,
  ...confirmation,
  ...account,
  ...devices,
  ...strength,
  ...deletion,
  ...management,
  ...mails,
  ...requests,
  ...pages,
  ...administration,
  ...events,
  ...api,
};
