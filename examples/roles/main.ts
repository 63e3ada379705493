import { join } from "node:path";
import { formatMatrix } from "portcullis";
import { serve } from "portcullis/node";
import { sqlite } from "portcullis/sqlite";
import { accounts, createApp } from "./app.ts";

const port = Number(process.env.PORT ?? 3000);
const { app, routes } = await createApp({
  origin: `http://localhost:${port}`,
  database: sqlite(process.env.DATABASE ?? join(import.meta.dirname, "diary.db")),
});
const { url } = await serve(app, { port });

console.log("Who may call what:\n");
console.log(formatMatrix(routes));
console.log(`Diary: open ${url} and sign in as one of`);
for (const { email, password } of accounts) console.log(`  ${email} with the password: ${password}`);
