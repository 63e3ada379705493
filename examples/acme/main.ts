import { join } from "node:path";
import { serve } from "portcullis/node";
import { sqlite } from "portcullis/sqlite";
import { createApp } from "./app.ts";

const port = Number(process.env.PORT ?? 3000);
const { app } = await createApp({
  origin: `http://localhost:${port}`,
  database: sqlite(process.env.DATABASE ?? join(import.meta.dirname, "acme.db")),
});
const { url } = await serve(app, { port });

console.log(`Acme: the API is at ${url}; anna manages store 1, bert manages store 2

# who you are, by name and password
curl -u anna@acme.example:annapass "${url}/store?pattern=anna%25"
curl -u anna@acme.example:annapass ${url}/store/1/product -H "Content-Type: application/json" -d '{"product":"lamp","quantity":3}'

# or by a token, for the next 15 minutes
curl "${url}/login?include_auth_token" -H "Content-Type: application/json" -d '{"email":"bert@acme.example","password":"bertpass"}'
curl ${url}/store -H "Authentication-Token: …"`);
