import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { normalizeAddress } from "../../http/address.ts";
import { type OperatedSystem, programSystem } from "../application.ts";
import {
  type CommonOptions,
  namedModule,
  run,
  withCommonOptions,
  withExamples,
  withModuleArgument,
} from "../command.ts";
import { findModule, type Start, watchStart } from "../start.ts";
import { CommandError, type Terminal } from "../terminal.ts";
import { checkConfiguration } from "./configuration.ts";
import { type Finding, ofConfigurationError, report } from "./finding.ts";
import { checkLive } from "./probe.ts";
import { checkRunning } from "./running.ts";

interface DoctorOptions extends CommonOptions {
  readonly url?: URL;
  readonly address?: string;
}

/** Adds `portcullis doctor`. */
export function doctorCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("doctor")
    .summary("look for what is wrong with a configuration and its surroundings")
    .description(
      "Looks at secrets, origins, cookies, proxies, mail, the database's schema and clocks, and names each fault with its mend; also when the application refuses to start. It sends no mail and changes no table.",
    );
  withCommonOptions(withModuleArgument(command))
    .option("--url <url>", "call the running server there, and see how calls arrive", urlOf)
    .option("--address <address>", "the address from which this machine's calls arrive there", ipOf);
  withExamples(
    command,
    "portcullis doctor",
    "portcullis doctor src/server.ts --url https://acme.example",
    "NODE_ENV=production portcullis doctor --json   # before a deployment",
  ).action(
    run(terminal, (options: DoctorOptions, module?: string) => doctor(terminal, namedModule(module, options), options)),
  );
}

function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.username === "" && url.search === "") return url;
  throw new InvalidArgumentError("a URL such as https://acme.example is expected");
}

function ipOf(text: string): string {
  const address = normalizeAddress(text);
  if (address !== undefined) return address;
  throw new InvalidArgumentError("an IP address is expected");
}

/** Looks at everything. Returns the exit code: 1 when there is a fault. */
async function doctor(terminal: Terminal, module: string | undefined, options: DoctorOptions): Promise<number> {
  const file = findModule(module);
  const start = watchStart("doctor", file);
  const { system, failure } = await started(terminal, start);
  const findings: Finding[] = [];
  const source = readFileSync(file, "utf8");
  const surroundings = { environment: process.env, source, module: relative(process.cwd(), file) };
  for (const configuration of start.configurations) findings.push(...checkConfiguration(configuration, surroundings));
  const [configuration = {}] = start.configurations;
  try {
    if (failure !== undefined) add(findings, ofFailure(failure.error));
    if (system !== undefined) {
      findings.push(...(await checkRunning(system, configuration)));
      if (options.url !== undefined) {
        const { url, address } = options;
        findings.push(...(await checkLive(system, { url, address, options: configuration })));
      }
    } else if (options.url !== undefined) {
      findings.push({ check: "proxies", level: "skipped", text: "not called: the application does not start here" });
    }
  } finally {
    await system?.close();
  }
  terminal.print(report(findings, options.json === true));
  return findings.some(({ level }) => level === "fault") ? 1 : 0;
}

/** Starts the program, or says why it does not; a failure that nobody awaits ends the start as well. */
async function started(
  terminal: Terminal,
  start: Start,
): Promise<{ readonly system?: OperatedSystem; readonly failure?: { readonly error: unknown } }> {
  const unawaited = Promise.withResolvers<never>();
  unawaited.promise.catch(() => {});
  terminal.intercept = (error) => {
    unawaited.reject(error);
    return true;
  };
  try {
    return { system: await Promise.race([programSystem(start), unawaited.promise]) };
  } catch (error) {
    return { failure: { error } };
  } finally {
    terminal.intercept = undefined;
  }
}

function ofFailure(error: unknown): Finding {
  // By name: the program may have loaded another copy of the package.
  if (error instanceof Error && error.name === "ConfigurationError") return ofConfigurationError(error);
  if (error instanceof CommandError) throw error;
  const text = `the application does not start: ${error instanceof Error ? error.message : String(error)}`;
  return { check: "start", level: "fault", text, mend: "mend that first; --debug of another command shows where" };
}

/** Adds what refused the start, unless the same option was found faulty before. */
function add(findings: Finding[], finding: Finding): void {
  const known = findings.some(({ level, path }) => level === "fault" && path !== undefined && path === finding.path);
  if (!known) findings.push(finding);
}
