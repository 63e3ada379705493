import type { MatrixSource } from "../model/command-line.ts";
import type { OpenApiDocument } from "../routes/openapi/document.ts";
import { programApplication } from "./application.ts";
import { findModule, watchStart } from "./start.ts";
import { CommandError, type Terminal } from "./terminal.ts";

/** `portcullis openapi`: prints the API's description. Returns the exit code. */
export async function openapi(terminal: Terminal, module: string | undefined): Promise<number> {
  const app = (await programApplication(watchStart("routes", findModule(module)))) as MatrixSource & {
    readonly openapi?: () => OpenApiDocument;
  };
  // The program may have loaded another copy of the package, one that does not know this yet.
  if (typeof app.openapi !== "function") throw new CommandError("the application can not describe itself");
  terminal.print(`${JSON.stringify(app.openapi(), null, 2)}\n`);
  return 0;
}
