import type { Generated, Kysely, SqlProvider } from "portcullis/sqlite";

/** What is stored of an entry. */
export interface Entry {
  readonly id: number;
  /** The id of the user who wrote it. */
  readonly author: number;
  readonly title: string;
  readonly text: string;
}

/** The application's own table, beside the accounts in the same database. */
interface Tables {
  entry: Omit<Entry, "id"> & { id: Generated<number> };
}

/** The diary's entries. Nothing here asks who is calling: that is for the routes to declare. */
export class Entries {
  readonly #database: SqlProvider;

  constructor(database: SqlProvider) {
    this.#database = database;
  }

  get #db(): Kysely<Tables> {
    return this.#database.kysely<Tables>();
  }

  async createTable(): Promise<void> {
    await this.#db.schema
      .createTable("entry")
      .ifNotExists()
      .addColumn("id", "integer", (column) => column.primaryKey().autoIncrement())
      .addColumn("author", "integer", (column) => column.notNull().references("user.id").onDelete("cascade"))
      .addColumn("title", "text", (column) => column.notNull())
      .addColumn("text", "text", (column) => column.notNull())
      .execute();
  }

  async find(id: number): Promise<Entry | undefined> {
    return await this.#db.selectFrom("entry").selectAll().where("id", "=", id).executeTakeFirst();
  }

  /** One that is known to exist. */
  async get(id: number): Promise<Entry> {
    return await this.#db.selectFrom("entry").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
  }

  /** The newest first. */
  async by(author: number): Promise<Entry[]> {
    return await this.#db.selectFrom("entry").selectAll().where("author", "=", author).orderBy("id", "desc").execute();
  }

  async add(entry: Omit<Entry, "id">): Promise<void> {
    await this.#db.insertInto("entry").values(entry).execute();
  }
}
