import { join } from "node:path";
import { serve } from "portcullis/node";
import { sqlite } from "portcullis/sqlite";
import { createApp } from "./app.ts";

const port = Number(process.env.PORT ?? 3000);
const { app } = await createApp({
  origin: `http://localhost:${port}`,
  database: sqlite(process.env.DATABASE ?? join(import.meta.dirname, "diary.db")),
});
const { url } = await serve(app, { port });

console.log(`Diary: open ${url}, create two accounts and try to read each other's entries`);
