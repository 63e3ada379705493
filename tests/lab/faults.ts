import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Datastore,
  DatastoreError,
  type DatastoreProvider,
  DeliveryError,
  type MailSender,
  type PasswordHasher,
  type SmsSender,
  type Transaction,
} from "portcullis";

const operations = ["insert", "find", "findOne", "update", "delete", "count"] as const;
const datastoreMethods = [
  ...operations,
  "transaction",
  "loadSession",
  "loadUser",
  "loadUsers",
  "check",
  "isEmpty",
  "migrate",
] as const;
const hasherMethods = ["hash", "verify", "burn"] as const;

/** The places at which a call can be made to fail. */
export const faultPlaces: readonly string[] = [
  ...datastoreMethods.map((name) => `datastore.${name}`),
  ...["hash", "mail", "sms", "object", "group"],
];

/** Makes the next calls at a place fail, or take long. */
export interface Faults {
  /**
   * The next `times` calls at `where` fail, or with a `delay` (milliseconds) work that much later; 0 times takes the order back.
   */
  order(where: string, times: number, delay?: number): void;
  /** Runs the lab's own work, which no fault hits: nor what the system begins in it and does by itself, except for what it sends. */
  exempt<T>(work: () => Promise<T>): Promise<T>;
  datastore(provider: DatastoreProvider): DatastoreProvider;
  hasher(hasher: PasswordHasher): PasswordHasher;
  /** A function of the application that decides on a user: its rule for objects, its groups. */
  decision<Args extends readonly unknown[], Result>(
    where: "object" | "group",
    decide: (...args: Args) => Result,
  ): (...args: Args) => Result | Promise<Result>;
  mail(sender: MailSender): MailSender;
  sms(sender: SmsSender): SmsSender;
}

/** Makes the injector of one lab. */
export function createFaults(): Faults {
  const ordered = new Map<string, { left: number; readonly delay: number | undefined }>();
  const exempted = new AsyncLocalStorage<true>();

  /** Undefined: this call works as ever. */
  const due = (where: string): { readonly delay: number | undefined } | undefined => {
    const order = ordered.get(where);
    const isExempt = exempted.getStore() === true && where !== "mail" && where !== "sms";
    if (order === undefined || order.left === 0 || isExempt) return undefined;
    order.left -= 1;
    return order;
  };

  /** The object with the named methods failing when it is due; the others work on the object itself. */
  const faulty = <T extends object>(
    target: T,
    names: readonly string[],
    place: (name: string) => string,
    failure: (where: string) => Error,
    result: (name: string, args: readonly unknown[]) => readonly unknown[] = (_name, args) => args,
  ): T =>
    new Proxy(target, {
      get(object, property) {
        const value: unknown = Reflect.get(object, property, object);
        if (typeof value !== "function") return value;
        const name = String(property);
        if (!names.includes(name)) return value.bind(object);
        return async (...args: readonly unknown[]): Promise<unknown> => {
          const where = place(name);
          const order = due(where);
          if (order !== undefined && order.delay === undefined) throw failure(where);
          if (order?.delay !== undefined) await new Promise((resolve) => setTimeout(resolve, order.delay));
          return value.apply(object, result(name, args));
        };
      },
    });

  const datastoreFailure = (where: string): Error => new DatastoreError(`${where} failed as ordered`);
  const deliveryFailure = (where: string): Error => new DeliveryError(`${where} failed as ordered`);
  const datastorePlace = (name: string): string => `datastore.${name}`;
  const inTransaction = (tx: Transaction): Transaction => faulty(tx, operations, datastorePlace, datastoreFailure);

  return {
    order(where, times, delay) {
      ordered.set(where, { left: times, delay });
    },
    exempt: (work) => exempted.run(true, work),
    datastore: (provider) => ({
      dialect: provider.dialect,
      async open(schema, environment): Promise<Datastore> {
        const store = await provider.open(schema, environment);
        return faulty(store, datastoreMethods, datastorePlace, datastoreFailure, (name, args) => {
          if (name !== "transaction") return args;
          const work = args[0] as (tx: Transaction) => Promise<unknown>;
          return [(tx: Transaction) => work(inTransaction(tx))];
        });
      },
    }),
    hasher: (hasher) =>
      faulty(
        hasher,
        hasherMethods,
        () => "hash",
        (where) => new Error(`${where} failed as ordered`),
      ),
    decision:
      (where, decide) =>
      (...args) => {
        const order = due(where);
        if (order === undefined) return decide(...args);
        if (order.delay === undefined) throw new Error(`${where} failed as ordered`);
        return new Promise((resolve) => setTimeout(resolve, order.delay)).then(() => decide(...args));
      },
    mail: (sender) => faulty(sender, ["send"], () => "mail", deliveryFailure),
    sms: (sender) => faulty(sender, ["send"], () => "sms", deliveryFailure),
  };
}
