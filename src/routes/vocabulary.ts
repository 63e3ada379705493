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
  /** What the rules of objects take as an identifier, by kind. */
  readonly ids?: object;
  readonly scheme: string;
  readonly scope: string;
  /** The user's fields, with the application's own columns. */
  readonly user: User;
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

/** What the rules of objects take as an identifier, by kind. */
export type IdsOf<Objects> = { readonly [Kind in keyof Objects]: IdOf<Objects[Kind]> };
type IdOf<Rule> = Rule extends { readonly check: infer Check } ? SecondOf<Check> : SecondOf<Rule>;
type SecondOf<Check> = Check extends (user: never, id: infer Id, mode: never) => unknown ? Id : unknown;

/**
 * The objects that these values may identify: "store by sid" for each value that fits the type that the rule takes. What does
 * not fit stands there in words, which the compiler quotes.
 */
export type Identified<Ids, Values, First extends string = never> = {
  [Kind in keyof Ids & string]: unknown extends Ids[Kind]
    ? `${Kind} by ${string}`
    : OneOf<Kind, Ids[Kind], Values> | FirstOf<Kind, Ids[Kind], Values, First> | SeveralOf<Kind, Ids[Kind], Values>;
}[keyof Ids & string];

/** What stands in the place of a pair that does not fit. */
type Unfit<
  Kind extends string,
  Name extends string,
> = `the rule of "${Kind}" takes another type than "${Name}" has: declare it in params, or write :${Name}{int}`;

type OneOf<Kind extends string, Id, Values> = {
  [Name in keyof Values & string]: [Values[Name]] extends [Id] ? `${Kind} by ${Name}` : Unfit<Kind, Name>;
}[keyof Values & string];

/** Those of the path come first. Without one, the compiler does not know which is: each has to fit. */
type FirstOf<Kind extends string, Id, Values, First extends string> = [
  [First] extends [never] ? Values[keyof Values] : Values[First & keyof Values],
] extends [Id]
  ? `${Kind} by the first parameter`
  : Unfit<Kind, [First] extends [never] ? "the first parameter" : First>;

type SeveralOf<Kind extends string, Id, Values> = Id extends readonly unknown[]
  ? number extends Id["length"]
    ? {
        [Name in keyof Values & string]: [Values[Name]] extends [Id[number]]
          ? `${Kind} by ${Name} at ${number} of ${number}`
          : never;
      }[keyof Values & string]
    : {
        [At in keyof Id & `${number}`]: {
          [Name in keyof Values & string]: [Values[Name]] extends [Id[At]]
            ? `${Kind} by ${Name} at ${At} of ${Id["length"]}`
            : never;
        }[keyof Values & string];
      }[keyof Id & `${number}`]
  : never;

/** The objects that texts may identify, by whatever names: those of paths without a declaration. */
export type IdentifiedByText<V extends Vocabulary> = [keyof NonNullable<V["ids"]>] extends [never]
  ? string
  : {
      [Kind in keyof NonNullable<V["ids"]> & string]: TextFits<Kind, NonNullable<V["ids"]>[Kind]>;
    }[keyof NonNullable<V["ids"]> & string];
type TextFits<Kind extends string, Id> = string extends Id
  ? `${Kind} by ${string}`
  : Id extends readonly unknown[]
    ? [string] extends [Id[number]]
      ? `${Kind} by ${string} at ${number} of ${number}`
      : `the rule of "${Kind}" takes no texts, which paths without a declaration are`
    : `the rule of "${Kind}" takes no texts, which paths without a declaration are`;

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
export type Authz<V extends Vocabulary, Parameter extends string, Identifies extends string = string> =
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
      readonly identified: Identifies;
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
