import type { Generated, Kysely, SqlProvider } from "portcullis/sqlite";

/** What a person writes of an entry. */
export interface Writing {
  readonly title: string;
  readonly text: string;
}

/** What is stored of an entry. */
export interface Entry extends Writing {
  readonly id: number;
  /** The id of the user who wrote it. */
  readonly author: number;
}

/** The application's own tables, and what it reads of the accounts beside them. */
interface Tables {
  entry: Omit<Entry, "id"> & { id: Generated<number> };
  user: { id: number; email: string };
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

  /** Everybody's, the newest first, with the writer's address. */
  async all(): Promise<(Entry & { readonly email: string })[]> {
    return await this.#db
      .selectFrom("entry")
      .innerJoin("user", "user.id", "entry.author")
      .selectAll("entry")
      .select("user.email")
      .orderBy("entry.id", "desc")
      .execute();
  }

  async add(author: number, { title, text }: Writing): Promise<void> {
    await this.#db.insertInto("entry").values({ author, title, text }).execute();
  }

  async change(id: number, { title, text }: Writing): Promise<void> {
    await this.#db.updateTable("entry").set({ title, text }).where("id", "=", id).execute();
  }

  async delete(id: number): Promise<void> {
    await this.#db.deleteFrom("entry").where("id", "=", id).execute();
  }
}
