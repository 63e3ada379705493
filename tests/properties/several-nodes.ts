/**
 * Several nodes on one database, simulated: the protocol's own code, with a clock, a network and a database that do what a
 * schedule says. Everything happens at simulated times, one thing after the other.
 */
import type { Clock } from "../../src/datastore/changes/clock.ts";
import type { Change, ChangeLog, Look, LookRequest, NodeRow } from "../../src/datastore/changes/log.ts";
import { ChangeNode } from "../../src/datastore/changes/node.ts";
import { sees } from "../../src/datastore/postgres/snapshot.ts";
import { Agenda, type Event } from "./agenda.ts";

/** One thing that happens, so many milliseconds after the one before. */
export type Action =
  | {
      readonly do: "revoke";
      readonly node: number;
      readonly user: number;
      readonly held: number;
      readonly how: Revocation;
    }
  | { readonly do: "kill" | "restart" | "leave"; readonly node: number }
  | { readonly do: "suspend" | "cut" | "deafen"; readonly node: number; readonly ms: number }
  | { readonly do: "set the clock"; readonly node: number; readonly by: number }
  | { readonly do: "outage"; readonly ms: number }
  | { readonly do: "lose a transaction"; readonly ms: number };

/** With the announcement in its transaction, by a statement of its own afterwards, or rolled back. */
export type Revocation = "announced" | "afterwards" | "rolled back";

/** What is simulated. */
export interface Plan {
  readonly nodes: number;
  readonly seed: number;
  /** Milliseconds; the longest delay of one message. */
  readonly delay: number;
  /** Of a thousand messages, so many are lost. */
  readonly loss: number;
  readonly notifications: boolean;
  readonly actions: readonly { readonly after: number; readonly action: Action }[];
  /** Milliseconds between two requests. */
  readonly requests: number;
  /** What to get wrong on purpose: the oracle must see it. */
  readonly fault?: "answers at once" | "trusts for ever" | "confirms early";
}

/** What was seen. */
export interface Outcome {
  readonly violations: readonly string[];
  readonly served: number;
  readonly acknowledged: number;
  readonly statements: number;
  /** Milliseconds that acknowledged revocations took. */
  readonly waits: readonly number[];
}

const lease = 1000;
const users = 3;

/** A user's versions, and the last one whose revocation was acknowledged. */
interface Versions {
  /** When each was committed with its announcement; undefined: without. */
  readonly committed: (number | undefined)[];
  acknowledged: number;
}

/** Runs a plan to its end. */
export async function simulate(plan: Plan): Promise<Outcome> {
  const world = new World(plan);
  return await world.run();
}

class World {
  readonly plan: Plan;
  time = 0;
  readonly database: Database;
  readonly #agenda = new Agenda();
  #random: number;
  readonly nodes: Node[] = [];
  readonly users: Versions[] = Array.from({ length: users }, () => ({ committed: [0], acknowledged: 0 }));
  readonly violations: string[] = [];
  readonly waits: number[] = [];
  served = 0;
  acknowledged = 0;
  outageUntil = 0;
  /** What happened has nothing hanging on it. */
  quiet = false;

  constructor(plan: Plan) {
    this.plan = plan;
    this.#random = plan.seed;
    this.database = new Database(this);
  }

  /** Mulberry32: a number from 0 to 1, the same for the same seed. */
  random(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Mostly quick, now and then as late as can be. */
  delay(): number {
    return this.random() < 0.9 ? this.random() * 3 : this.random() * this.plan.delay;
  }

  lost(): boolean {
    return this.random() * 1000 < this.plan.loss;
  }

  at(time: number, run: () => void): Event {
    return this.#agenda.add(Math.max(time, this.time), run);
  }

  async run(): Promise<Outcome> {
    const { plan } = this;
    for (let index = 0; index < plan.nodes; index += 1) this.nodes.push(new Node(this, index));
    let end = 400;
    for (const { after, action } of plan.actions) {
      end += after;
      this.at(end, () => this.#do(action));
    }
    end += 3 * lease;
    const request = (): void => {
      const node = this.nodes[Math.floor(this.random() * this.nodes.length)];
      node?.request(Math.floor(this.random() * users));
      this.at(this.time + this.random() * 2 * plan.requests, request);
    };
    request();
    for (let event = this.#agenda.next(); event !== undefined && event.at <= end; event = this.#agenda.next()) {
      if (event.cancelled) continue;
      this.time = event.at;
      this.quiet = false;
      event.run();
      // What hangs on it goes on before anything else happens.
      if (!this.quiet) await new Promise((resolve) => setImmediate(resolve));
    }
    return {
      violations: this.violations,
      served: this.served,
      acknowledged: this.acknowledged,
      statements: this.database.statements,
      waits: this.waits,
    };
  }

  #do(action: Action): void {
    if (action.do === "outage") {
      this.outageUntil = this.time + action.ms;
      return;
    }
    if (action.do === "lose a transaction") {
      // It holds back what others see as settled, and is rolled back.
      const transaction = this.database.begin();
      this.at(this.time + action.ms, () => this.database.end(transaction));
      return;
    }
    const index = action.node % this.nodes.length;
    const node = this.nodes[index];
    if (node === undefined) return;
    switch (action.do) {
      case "revoke":
        node.revoke(action.user % users, action.held, action.how);
        return;
      case "kill":
      case "restart":
        node.alive = false;
        if (action.do === "restart") this.nodes[index] = new Node(this, index);
        return;
      case "leave":
        node.leave();
        return;
      case "suspend":
        node.suspendedUntil = Math.max(node.suspendedUntil, this.time + action.ms);
        if (node.stands) node.stood += action.ms;
        return;
      case "cut":
        node.cutUntil = this.time + action.ms;
        return;
      case "deafen":
        node.deafUntil = this.time + action.ms;
        return;
      default:
        // Of two clocks, one is right: where the monotonic one may stand still, the other is not set back.
        node.ahead += node.stands ? Math.abs(action.by) : action.by;
    }
  }

  /** A request that begins now is let in by what the node keeps. */
  serve(node: Node, user: number, version: number): void {
    this.served += 1;
    this.quiet = true;
    const { committed, acknowledged } = this.users[user] as Versions;
    const said = `at ${this.time.toFixed(1)} node ${node.index} let user ${user} in by version ${version}`;
    if (version < acknowledged) this.violations.push(`${said}; ${acknowledged} was acknowledged`);
    const over = committed.findIndex((at, other) => other > version && at !== undefined && this.time - at > lease);
    if (over >= 0) this.violations.push(`${said}; ${over} was committed at ${committed[over]?.toFixed(1)}`);
  }
}

interface Transaction {
  readonly number: number;
  readonly changes: Change[];
}

class Database {
  readonly #world: World;
  #next = 1;
  readonly #running = new Set<number>();
  readonly #committed: { readonly transaction: number; readonly change: Change }[] = [];
  readonly rows = new Map<string, NodeRow>();
  statements = 0;

  constructor(world: World) {
    this.#world = world;
  }

  begin(): Transaction {
    const number = this.#next;
    this.#next += 1;
    this.#running.add(number);
    return { number, changes: [] };
  }

  commit(transaction: Transaction): void {
    for (const change of transaction.changes) this.#committed.push({ transaction: transaction.number, change });
    this.end(transaction);
    for (const node of this.#world.nodes) if (transaction.changes.some((it) => it.node !== node.name)) node.notified();
  }

  end({ number }: Transaction): void {
    this.#running.delete(number);
  }

  change(user: number, announced: boolean): void {
    this.#world.users[user]?.committed.push(announced ? this.#world.time : undefined);
  }

  position(): string {
    const running = [...this.#running].sort((a, b) => a - b);
    return `${running[0] ?? this.#next}:${this.#next}:${running.join(",")}`;
  }

  /** What is seen now, and the writing of the row that follows some time later. */
  look({ own, from, list }: LookRequest): { readonly look: Look; readonly store: () => void } {
    const look: Look = {
      position: this.position(),
      before: own === undefined ? undefined : this.rows.get(own.node)?.beat,
      changes:
        from === undefined
          ? []
          : this.#committed.filter((it) => !sees(from, String(it.transaction))).map(({ change }) => change),
      count: this.rows.size,
      nodes: list ? [...this.rows.values()] : undefined,
    };
    return {
      look,
      store: () => {
        if (own !== undefined && own.beat > (this.rows.get(own.node)?.beat ?? 0)) this.rows.set(own.node, own);
      },
    };
  }
}

let names = 0;

class Node {
  readonly index: number;
  readonly name: string;
  readonly #world: World;
  readonly #bus: ChangeNode;
  readonly #cache = new Map<number, number>();
  #epoch = 0;
  alive = true;
  suspendedUntil = 0;
  cutUntil = 0;
  deafUntil = 0;
  /** Whether the monotonic clock stands still while it is suspended, and how long it did. */
  readonly stands: boolean;
  stood = 0;
  ahead = 0;
  readonly #began: number;

  constructor(world: World, index: number) {
    this.index = index;
    this.#world = world;
    this.stands = world.random() < 0.5;
    this.#began = world.random() * 1e6;
    names += 1;
    this.name = `node ${names}`;
    const { fault } = world.plan;
    const parts = {
      log: this.#log(),
      clock: this.#clock(),
      node: this.name,
      lease: fault === "trusts for ever" ? lease * 10 : lease,
      trusts: true,
      report: () => {},
    };
    this.#bus = new ChangeNode(parts);
    this.#bus.onInvalidate((user) => {
      this.#epoch += 1;
      if (user === undefined) this.#cache.clear();
      else this.#cache.delete(user);
    });
    void this.#bus.start();
  }

  #clock(): Clock {
    return {
      monotonic: () => this.#began + this.#world.time - this.stood,
      wall: () => 1e12 + this.#world.time + this.ahead,
      after: (ms, call) => {
        const event = this.#world.at(this.#world.time + ms, () => this.#arrive(call));
        return () => {
          event.cancelled = true;
        };
      },
    };
  }

  /** Something reaches the process, once it runs. */
  #arrive(call: () => void): void {
    if (!this.alive) return;
    if (this.#world.time < this.suspendedUntil) this.#world.at(this.suspendedUntil, () => this.#arrive(call));
    else call();
  }

  /** There and back: what is asked of the database happens there in the middle, or never. */
  #ask<T>(there: (done: (answer: T) => void) => void): Promise<T> {
    const world = this.#world;
    world.database.statements += 1;
    return new Promise((resolve, reject) => {
      const cut = (): boolean => world.time < this.cutUntil || world.time < world.outageUntil || world.lost();
      const fail = (): void => {
        // Some connections say that they are broken, others say nothing.
        if (world.random() < 0.7)
          world.at(world.time + world.delay(), () => this.#arrive(() => reject(new Error("cut"))));
      };
      if (cut()) {
        fail();
        return;
      }
      world.at(world.time + world.delay(), () =>
        there((answer) => {
          if (cut()) fail();
          else world.at(world.time + world.delay(), () => this.#arrive(() => resolve(answer)));
        }),
      );
    });
  }

  #log(): ChangeLog {
    const world = this.#world;
    const { database } = world;
    return {
      look: (request) =>
        this.#ask<Look>((done) => {
          const early = world.plan.fault === "confirms early" && request.own !== undefined;
          const asked = early
            ? { ...request, own: { ...(request.own as NodeRow), position: database.position() } }
            : request;
          const { look, store } = database.look(asked);
          world.at(world.time + world.delay(), () => {
            store();
            done(look);
          });
        }),
      write: (change) =>
        this.#ask<string>((done) => {
          const transaction = database.begin();
          transaction.changes.push(change);
          world.at(world.time + world.delay(), () => {
            database.commit(transaction);
            done(String(transaction.number));
          });
        }),
      covers: sees,
      remove: (nodes) =>
        this.#ask<void>((done) => {
          for (const { node, beat } of nodes)
            if ((database.rows.get(node)?.beat ?? 0) <= beat) database.rows.delete(node);
          done();
        }),
    };
  }

  notified(): void {
    const world = this.#world;
    if (!world.plan.notifications || world.time < this.deafUntil || world.lost()) return;
    world.at(world.time + world.delay(), () => this.#arrive(() => this.#bus.wake()));
  }

  leave(): void {
    this.#cache.clear();
    this.#arrive(() => void this.#bus.close().catch(() => {}));
  }

  request(user: number): void {
    const world = this.#world;
    if (!this.alive || world.time < this.suspendedUntil) return;
    const kept = this.#cache.get(user);
    if (kept !== undefined && this.#bus.current()) {
      world.serve(this, user, kept);
      return;
    }
    const stamp = this.#epoch;
    this.#ask<number>((done) => done((world.users[user]?.committed.length ?? 1) - 1)).then(
      (version) => {
        if (stamp === this.#epoch) this.#cache.set(user, version);
      },
      () => {},
    );
  }

  revoke(user: number, held: number, how: Revocation): void {
    const world = this.#world;
    if (!this.alive || world.time < this.suspendedUntil) return;
    const { database } = world;
    const begun = world.time;
    const change = this.#bus.begin(user);
    const changed = this.#ask<{ readonly place: string; readonly version: number }>((done) => {
      const transaction = database.begin();
      if (how !== "afterwards") transaction.changes.push(change);
      world.at(world.time + held, () => {
        if (how === "rolled back") {
          database.end(transaction);
          return;
        }
        database.change(user, how === "announced");
        const version = (world.users[user]?.committed.length ?? 1) - 1;
        database.commit(transaction);
        done({ place: String(transaction.number), version });
      });
    });
    const all = async (): Promise<void> => {
      const { place, version } = await changed;
      if (how === "announced") this.#bus.committed(change, place);
      const published = this.#bus.publish(user, how === "announced");
      if (world.plan.fault !== "answers at once") await published;
      else published.catch(() => {});
      const versions = world.users[user] as Versions;
      versions.acknowledged = Math.max(versions.acknowledged, version);
      world.acknowledged += 1;
      world.waits.push(world.time - begun - held);
    };
    // Who is told that it failed asks again, and gets no acknowledgement here.
    all().catch(() => {});
  }
}
