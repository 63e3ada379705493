import type { Command } from "commander";
import type { MatrixSource } from "../model/command-line.ts";
import type { OpenApiDocument } from "../routes/openapi/document.ts";
import { programApplication } from "./application.ts";
import {
  asJson,
  type CommonOptions,
  namedModule,
  run,
  withCommonOptions,
  withExamples,
  withModuleArgument,
} from "./command.ts";
import { findModule, watchStart } from "./start.ts";
import { CommandError, type Terminal } from "./terminal.ts";

/** Adds `portcullis openapi`. */
export function openapiCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("openapi")
    .summary("print the API's description (OpenAPI 3.1)")
    .description(
      "Prints the API's description as OpenAPI 3.1, made from the declared routes. The module is imported as at a start, with its database, but does not listen.",
    );
  withCommonOptions(withModuleArgument(command), "print JSON, which is the default");
  withExamples(command, "portcullis openapi src/server.ts > openapi.json").action(
    run(terminal, (options: CommonOptions, module?: string) => openapi(terminal, namedModule(module, options))),
  );
}

/** Prints the API's description. Returns the exit code. */
async function openapi(terminal: Terminal, module: string | undefined): Promise<number> {
  const app = (await programApplication(watchStart("routes", findModule(module)))) as MatrixSource & {
    readonly openapi?: () => OpenApiDocument;
  };
  // The program may have loaded another copy of the package, one that does not know this yet.
  if (typeof app.openapi !== "function") throw new CommandError("the application can not describe itself");
  terminal.print(asJson(app.openapi()));
  return 0;
}
