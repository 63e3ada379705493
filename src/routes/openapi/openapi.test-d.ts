/** What of the option `openapi` and of `doc` does not compile. */
import { portcullis, type Security, type Vocabulary } from "portcullis";
import { memory } from "portcullis/memory";
import { z } from "zod";

const common = { secretKeys: [], origins: [], datastore: memory(), roles: ["admin"] } as const;

void portcullis({ ...common, openapi: { authz: "admin" } });
void portcullis({ ...common, openapi: { authz: "AUTH", page: false, toJsonSchema: () => ({ type: "object" }) } });
// @ts-expect-error who may read it is missing
void portcullis({ ...common, openapi: {} });
// @ts-expect-error there is no such role
void portcullis({ ...common, openapi: { authz: "amdin" } });
// @ts-expect-error there is no such option
void portcullis({ ...common, openapi: { authz: "OPEN", paht: "/x" } });

declare const security: Security<Vocabulary>;
const app = security.app();
app.get(
  "/a",
  { authz: "OPEN", doc: { summary: "A", answers: { 200: { description: "A.", schema: z.string() } } } },
  (c) => c.text(""),
);
// @ts-expect-error there is no such member
app.get("/b", { authz: "OPEN", doc: { sumary: "B" } }, (c) => c.text(""));
// @ts-expect-error an answer must be described
app.get("/c", { authz: "OPEN", doc: { answers: { 200: {} } } }, (c) => c.text(""));
app.openapi().paths satisfies object;
