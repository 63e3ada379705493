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
  "check",
  "isEmpty",
  "migrate",
] as const;
const hasherMethods = ["hash", "verify", "burn"] as const;

/** The places at which a call can be made to fail. */
export const faultPlaces: readonly string[] = [
  ...datastoreMethods.map((name) => `datastore.${name}`),
  ...["hash", "mail", "sms"],
];

/** Makes the next calls at a place fail. */
export interface Faults {
  /** The next `times` calls at `where` fail; 0 takes the order back. */
  order(where: string, times: number): void;
  /** Runs the lab's own work, which no fault hits. */
  exempt<T>(work: () => Promise<T>): Promise<T>;
  datastore(provider: DatastoreProvider): DatastoreProvider;
  hasher(hasher: PasswordHasher): PasswordHasher;
  mail(sender: MailSender): MailSender;
  sms(sender: SmsSender): SmsSender;
}

/** Makes the injector of one lab. */
export function createFaults(): Faults {
  const ordered = new Map<string, number>();
  const exempted = new AsyncLocalStorage<true>();

  const due = (where: string): boolean => {
    const left = ordered.get(where) ?? 0;
    if (left === 0 || exempted.getStore() === true) return false;
    ordered.set(where, left - 1);
    return true;
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
          if (due(where)) throw failure(where);
          return value.apply(object, result(name, args));
        };
      },
    });

  const datastoreFailure = (where: string): Error => new DatastoreError(`${where} failed as ordered`);
  const deliveryFailure = (where: string): Error => new DeliveryError(`${where} failed as ordered`);
  const datastorePlace = (name: string): string => `datastore.${name}`;
  const inTransaction = (tx: Transaction): Transaction => faulty(tx, operations, datastorePlace, datastoreFailure);

  return {
    order(where, times) {
      ordered.set(where, times);
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
    mail: (sender) => faulty(sender, ["send"], () => "mail", deliveryFailure),
    sms: (sender) => faulty(sender, ["send"], () => "sms", deliveryFailure),
  };
}
