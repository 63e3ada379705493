import { PortcullisError } from "../model/errors.ts";
import type { Datastore } from "./contract.ts";
import { localBus } from "./listeners.ts";

/**
 * Stands where there is no datastore because the application answers by callbacks: whatever would read or write rows
 * rejects with PortcullisError `no_datastore`.
 */
export function noDatastore(): Datastore {
  const refuse = (): Promise<never> =>
    Promise.reject(new PortcullisError("no_datastore", "this needs the option datastore, and there is none"));
  return {
    dialect: "none",
    insert: refuse,
    find: refuse,
    findOne: refuse,
    update: refuse,
    delete: refuse,
    count: refuse,
    transaction: refuse,
    bus: localBus(),
    check: refuse,
    isEmpty: refuse,
    migrate: refuse,
    close: () => Promise.resolve(),
  };
}
