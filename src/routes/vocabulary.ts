import type { SessionBag } from "../authn/bag.ts";
import type { Guard } from "../authz/guard.ts";
import type { ListedObjectRule } from "../http/system.ts";
import type { Account } from "../model/account.ts";
import type { Identity } from "../model/identity.ts";
import type { User } from "../model/user.ts";

/** The words that an application declares: what a route says outside of them does not compile. */
export interface Vocabulary {
  /** The roles and groups. */
  readonly role: string;
  readonly permission: string;
  readonly object: string;
  /** What the rules of objects that have a `where` give by it, by kind. */
  readonly conditions?: object;
  readonly scheme: string;
  readonly scope: string;
  /** The user's fields, with the application's own columns. */
  readonly user: User;
  /** The application's secret columns: the user does not show them, but they can be written. */
  readonly secrets?: object;
  /** What the session bag holds. */
  readonly session: object;
}

/** What the rules of objects that have a `where` give by it, by kind. */
export type ConditionsOf<Objects> = {
  readonly [Kind in keyof Objects as Objects[Kind] extends ListedObjectRule ? Kind : never]: Objects[Kind] extends {
    readonly where: (...args: never[]) => infer Condition;
  }
    ? Condition
    : never;
};

/** The user as handlers see them, with role and permission helpers that know the vocabulary. */
export type CurrentUser<V extends Vocabulary> = Omit<Account, "hasRole" | "hasPermission"> &
  V["user"] & {
    hasRole(role: V["role"]): boolean;
    hasPermission(permission: V["permission"]): boolean;
  };

/** Hono's environment behind a guard: `c.var.user` is there for sure exactly where the guard makes sure of it. */
export interface GuardedEnv<V extends Vocabulary, SignedIn extends boolean> {
  Variables: {
    user: SignedIn extends true ? CurrentUser<V> : CurrentUser<V> | null;
    identity: SignedIn extends true ? Identity : Identity | null;
    session: SessionBag<V["session"]>;
  };
}

/** What a route's `authz` may be. */
export type Authz<V extends Vocabulary, Parameter extends string> =
  | "OPEN"
  | "AUTH"
  | "CLOSE"
  | V["role"]
  | readonly V["role"][]
  | Guard<{
      readonly role: V["role"];
      readonly permission: V["permission"];
      readonly object: V["object"];
      readonly parameter: Parameter;
      readonly scheme: V["scheme"];
      readonly scope: V["scope"];
      readonly user: boolean;
    }>;

/** True where this `authz` makes sure that somebody is signed in. */
export type SignsIn<A> = A extends "OPEN" | "CLOSE"
  ? false
  : A extends string | readonly string[]
    ? true
    : A extends Guard<infer W>
      ? W["user"]
      : false;
