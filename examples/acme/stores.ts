import type { Kysely, SqlProvider } from "portcullis/sqlite";

/** A store as the API shows it. */
export interface Store {
  readonly id: number;
  readonly name: string;
}

/** So many of a product that a store gets. */
export interface Product {
  readonly store: number;
  readonly product: string;
  readonly quantity: number;
}

/** The application's own tables, beside the accounts in the same database. */
interface Tables {
  store: Store & { manager: number };
  product: Product;
}

/** The stores and their products. Nothing here asks who is calling, but `isManager` can answer it. */
export class Stores {
  readonly #database: SqlProvider;

  constructor(database: SqlProvider) {
    this.#database = database;
  }

  get #db(): Kysely<Tables> {
    return this.#database.kysely<Tables>();
  }

  async createTables(): Promise<void> {
    await this.#db.schema
      .createTable("store")
      .ifNotExists()
      .addColumn("id", "integer", (column) => column.primaryKey())
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("manager", "integer", (column) => column.notNull().references("user.id"))
      .execute();
    await this.#db.schema
      .createTable("product")
      .ifNotExists()
      .addColumn("store", "integer", (column) => column.notNull().references("store.id"))
      .addColumn("product", "text", (column) => column.notNull())
      .addColumn("quantity", "integer", (column) => column.notNull())
      .execute();
  }

  /** Opens a store, unless it is open already. */
  async open(store: Store, manager: number): Promise<void> {
    await this.#db
      .insertInto("store")
      .values({ ...store, manager })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  /** The stores whose name is like the pattern, in which % stands for anything. */
  async list(pattern: string): Promise<Store[]> {
    return await this.#db
      .selectFrom("store")
      .select(["id", "name"])
      .where("name", "like", pattern)
      .orderBy("id")
      .execute();
  }

  /** Whether this user manages that store; undefined: there is no such store. */
  async isManager(user: number, store: number): Promise<boolean | undefined> {
    const found = await this.#db.selectFrom("store").select("manager").where("id", "=", store).executeTakeFirst();
    return found && found.manager === user;
  }

  async addProduct(product: Product): Promise<void> {
    await this.#db.insertInto("product").values(product).execute();
  }
}
