/** Serves one recipe: npm run example:recipe object-permissions */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { serve } from "portcullis/node";
import type { Recipe, RecipeOptions } from "./recipe.ts";

const others = new Set(["main.ts", "recipe.ts", "ask.ts"]);
const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !others.has(file))
  .map((file) => file.slice(0, -".ts".length));
const [, , name = ""] = process.argv;
if (!names.includes(name)) {
  console.error(`Which recipe? ${names.join(", ")}`);
  process.exit(2);
}
const port = Number(process.env.PORT ?? 3000);
const origin = `http://localhost:${port}`;
const { createApp } = (await import(`./${name}.ts`)) as { createApp(options: RecipeOptions): Promise<Recipe> };
const { app } = await createApp({ origin });
await serve(app, { port });
const [, comment = ""] =
  /^\/\*\*\n([\s\S]*?)\n \*\//.exec(readFileSync(join(import.meta.dirname, `${name}.ts`), "utf8")) ?? [];
console.log(`${origin}\n\n${comment.replace(/^ \* ?/gm, "")}`);
