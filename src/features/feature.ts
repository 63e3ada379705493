import type { BagKeeper } from "../authn/bag.ts";
import type { Gate } from "../authn/gates.ts";
import type { PasswordProof } from "../authn/password-proof.ts";
import type { Sessions } from "../authn/sessions.ts";
import type { SignIn } from "../authn/sign-in.ts";
import type { Tickets } from "../authn/tickets.ts";
import type { Datastore } from "../datastore/contract.ts";
import type { Roles } from "../datastore/roles.ts";
import type { Users } from "../datastore/users.ts";
import type { PhoneNumbers } from "../delivery/phone.ts";
import type { System } from "../http/system.ts";
import type { Column, Schema } from "../model/schema.ts";
import type { PasswordHasher } from "../passwords/hasher.ts";
import type { PasswordPolicy } from "../passwords/policy.ts";
import type { Mails } from "../views/mail.ts";
import type { Mailer, Texter } from "./delivery.ts";
import type { Destinations } from "./destinations.ts";
import type { Endpoint } from "./endpoint.ts";

/** What a feature's functions can reach. */
export interface Kernel {
  readonly system: System;
  readonly datastore: Datastore;
  readonly users: Users;
  readonly roles: Roles;
  readonly hasher: PasswordHasher;
  readonly policy: PasswordPolicy;
  readonly proof: PasswordProof;
  readonly tickets: Tickets;
  readonly sessions: Sessions;
  readonly signIn: SignIn;
  readonly bags: BagKeeper;
  /** True: answers may tell whether an account exists. */
  readonly revealAccounts: boolean;
  readonly destinations: Destinations;
  /** The columns that the application added to the user, by their field's name. */
  readonly ownColumns: ReadonlyMap<string, Column>;
  /** The roles that the option `roles` declares: they are in the database. */
  readonly declaredRoles: ReadonlySet<string>;
  /** The path of another feature's endpoint, or undefined when that feature is off. */
  path(endpoint: string): string | undefined;
  /** Sends mails off the request path. */
  readonly mail: Mailer;
  /** Sends text messages off the request path. */
  readonly sms: Texter;
  readonly phones: PhoneNumbers;
  /** The first of `origins`: what links outside of pages are built on. */
  readonly origin: string;
  /**
   * The absolute URL of an endpoint, for mails: on the first of `origins`, whatever host the request named. A token takes
   * the place of the path's `:token`. Throws PortcullisError `no_endpoint` when that feature is off.
   */
  link(endpoint: string, token?: string): string;
}

/** One part of the account system, a folder each: what it needs, what it adds. */
export interface Feature {
  readonly name: string;
  /** Features that must be on as well. */
  readonly requires?: readonly string[];
  /** Columns that it adds to the user. */
  readonly userColumns?: Readonly<Record<string, Column>>;
  /** Tables of its own. */
  readonly tables?: Schema;
  /** Conditions that it puts on every sign-in. */
  readonly gates?: (kernel: Omit<Kernel, "signIn" | "bags" | "proof">) => readonly Gate[];
  readonly endpoints?: (kernel: Kernel) => readonly Endpoint[];
  /** Its mails' templates. A feature that has some needs the option `mail`: without it the system refuses to start. */
  readonly mails?: Partial<Mails>;
  /** "sms": it sends text messages and needs the option `sms`. "phones": it reads phone numbers. */
  readonly needs?: readonly ("sms" | "phones")[];
}
