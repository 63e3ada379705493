// The protected application: `node bench/ours.ts '{"database":"…"}'`; talks to its parent by IPC.
import { StatementSync } from "node:sqlite";
import { serve } from "portcullis/node";
import { protectedApplication } from "./application.ts";
import { keepOpen, report, settingsOf } from "./handlers.ts";

const app = await protectedApplication(settingsOf(process.argv));

let statements: string[] | undefined;

/** From the first question on, each statement is noted: the statements of a cold session are counted, not believed. */
function noted(): readonly string[] {
  if (statements !== undefined) return statements.splice(0);
  const seen: string[] = [];
  statements = seen;
  for (const name of ["all", "get", "run"] as const) {
    const original = StatementSync.prototype[name] as (...values: unknown[]) => unknown;
    Object.assign(StatementSync.prototype, {
      [name](this: StatementSync, ...values: unknown[]): unknown {
        seen.push(this.sourceSQL);
        return original.apply(this, values);
      },
    });
  }
  return [];
}

const { server, port } = await serve(app, { port: 0, hostname: "127.0.0.1" });
keepOpen(server);
report(port, noted);
