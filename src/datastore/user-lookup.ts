import type { Account, accountFactory } from "../model/account.ts";
import { nobodyId } from "../model/decoy.ts";
import type { Row } from "../model/schema.ts";
import type { Datastore, Where } from "./contract.ts";
import { fold, spellings } from "./identity-conflict.ts";
import type { Roles } from "./roles.ts";

/** One way in which a text may name a user. */
export interface Candidate {
  /** A column of the user. */
  readonly attribute: string;
  /** The text in the form in which that column is stored. */
  readonly value: string;
  readonly ignoreCase: boolean;
}

/** The first candidate's user, else the next one's: one statement however many there are, and whoever exists. */
export type IdentityLookup = (candidates: readonly Candidate[]) => Promise<Account | undefined>;

/** What looking up users by what names them needs. */
export interface UserLookupContext {
  readonly datastore: Datastore;
  readonly roles: Roles;
  readonly account: ReturnType<typeof accountFactory>;
}

/** So many that differ in case alone are looked at where a store answers one condition after the other. */
const mostAlike = 20;

/**
 * Makes the look-up by identity. All candidates and spellings are asked for at once, and together with the roles: a second
 * statement, where the first has found nothing, would tell who has an account.
 */
export function createUserLookup({ datastore, roles, account }: UserLookupContext): IdentityLookup {
  const conditionOf = ({ attribute, value, ignoreCase }: Candidate): Where => {
    const values = spellings(attribute, value);
    return { [attribute]: ignoreCase ? { inIgnoringCase: values } : { in: values } };
  };

  /** A database that was taken over may hold several; the very spelling goes before another one. */
  const chosen = <T>(candidates: readonly Candidate[], found: readonly T[], rowOf: (one: T) => Row): T | undefined => {
    for (const { attribute, value, ignoreCase } of candidates) {
      const exact = found.find((one) => rowOf(one)[attribute] === value);
      if (exact !== undefined) return exact;
      // Some collations find more than was asked for.
      const alike = found.find((one) => {
        const stored = rowOf(one)[attribute];
        if (typeof stored !== "string") return false;
        return ignoreCase ? fold(stored) === fold(value) : spellings(attribute, value).includes(stored);
      });
      if (alike !== undefined) return alike;
    }
    return undefined;
  };

  /** For stores that cannot answer at once: the roles of nobody are asked for as well. */
  const inParts = async (candidates: readonly Candidate[], any: readonly Where[]): Promise<Account | undefined> => {
    const rows: Row[] = [];
    for (const where of any) rows.push(...(await datastore.find("user", where, { limit: mostAlike })));
    const row = chosen(candidates, rows, (one) => one);
    const own = await roles.ofUser((row?.["id"] as number | undefined) ?? nobodyId);
    return row === undefined ? undefined : account(row, own);
  };

  return async (candidates) => {
    if (candidates.length === 0) return undefined;
    const any = candidates.map(conditionOf);
    if (datastore.loadUsers === undefined) return inParts(candidates, any);
    const bundle = chosen(candidates, await datastore.loadUsers(any), ({ user }) => user);
    return bundle === undefined ? undefined : account(bundle.user, bundle.roles);
  };
}
