import type { Generated, SqlProvider } from "portcullis/sqlite";

/** The application's own table, beside the accounts in the same database. */
interface Tables {
  entry: { id: Generated<number>; author_id: number; title: string; text: string };
}

/** What is stored of an entry. */
export interface Entry {
  readonly id: number;
  readonly author_id: number;
  readonly title: string;
  readonly text: string;
}

/** The diary's entries. The queries know nothing of permissions: the routes say who may call what. */
export class Entries {
  readonly #database: SqlProvider;

  constructor(database: SqlProvider) {
    this.#database = database;
  }

  async createTable(): Promise<void> {
    await this.#database
      .kysely<Tables>()
      .schema.createTable("entry")
      .ifNotExists()
      .addColumn("id", "integer", (column) => column.primaryKey().autoIncrement())
      .addColumn("author_id", "integer", (column) => column.notNull().references("user.id").onDelete("cascade"))
      .addColumn("title", "text", (column) => column.notNull())
      .addColumn("text", "text", (column) => column.notNull())
      .execute();
  }

  find(id: number): Promise<Entry | undefined> {
    return this.#database
      .kysely<Tables>()
      .selectFrom("entry")
      .selectAll()
      .where("id", "=", id)
      .executeTakeFirst();
  }

  /** The newest first. */
  by(authorId: number): Promise<Entry[]> {
    return this.#database
      .kysely<Tables>()
      .selectFrom("entry")
      .selectAll()
      .where("author_id", "=", authorId)
      .orderBy("id", "desc")
      .execute();
  }

  async add(authorId: number, title: string, text: string): Promise<void> {
    await this.#database
      .kysely<Tables>()
      .insertInto("entry")
      .values({ author_id: authorId, title, text })
      .execute();
  }
}
