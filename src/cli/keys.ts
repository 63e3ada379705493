import { type Command, Option } from "commander";
import type { ApiKey } from "../authn/api-keys.ts";
import type { Rate } from "../authn/limits/rate.ts";
import { type Duration, milliseconds } from "../model/duration.ts";
import { actOn, namedUser, plain, titleOf, userArgument } from "./accounts.ts";
import { type OperatedSystem, withSystem } from "./application.ts";
import { asJson, asTable, type CommonOptions, run, withCommonOptions, withExamples } from "./command.ts";
import { CommandError, type Terminal } from "./terminal.ts";

/** Adds `portcullis keys …`. */
export function keysCommands(program: Command, terminal: Terminal): void {
  const keys = program
    .command("keys")
    .summary("create, list and revoke API keys of users")
    .description(
      "Looks after the API keys by which programs act for users. The application needs the feature apiKeys.",
    );
  createCommand(keys, terminal);
  withExamples(keys, "portcullis keys create ann@acme.example --name backup", "portcullis keys list ann@acme.example");
  listCommand(keys, terminal);
  revokeCommand(keys, terminal);
}

interface CreateOptions extends CommonOptions {
  readonly name: string;
  readonly expires?: string;
  readonly permission?: readonly string[];
  readonly scope?: readonly string[];
  readonly unlimited?: boolean;
  readonly rate?: string;
}

function createCommand(keys: Command, terminal: Terminal): void {
  const command = keys
    .command("create")
    .summary("make a key, which is printed this once")
    .description("Makes a key and prints it. It is stored as a hash: it can't be shown again.")
    .argument("<user>", `its owner: ${userArgument}`)
    .requiredOption("--name <text>", "what it is for")
    .option("--expires <time>", "it ends after that: 30d, 12h …; default: as late as the application allows")
    .option("--permission <name...>", "limit it to these of its owner's permissions; default: none")
    .option("--scope <name...>", "limit it to these scopes; default: none")
    .addOption(new Option("--unlimited", "it may whatever its owner may, roles too").conflicts(["permission", "scope"]))
    .option("--rate <rate>", "how often it may be used, such as 100/1m");
  withCommonOptions(command);
  withExamples(command, "portcullis keys create ann@acme.example --name backup --permission read --expires 30d").action(
    run(terminal, async (options: CreateOptions, named: string) => {
      return withSystem("keys create", options.module, async (system) => {
        const owner = await namedUser(system, named);
        const keys = keysOf(system);
        const request = {
          name: options.name,
          unlimited: options.unlimited,
          permissions: options.permission,
          scopes: options.scope,
          rate: options.rate as Rate | undefined,
          seconds: options.expires === undefined ? undefined : lifeOf(options.expires),
        };
        const { key, text } = await actOn(system, owner.id, (user, asked) => keys.create(user, request, asked));
        if (options.json === true) terminal.print(asJson({ key: text, ...shown(key) }));
        else {
          terminal.note(`${titleOf(owner)}: key ${key.id} until ${new Date(key.expiresAt).toISOString()}\n`);
          terminal.print(`${text}\n`);
        }
        return 0;
      });
    }),
  );
}

function lifeOf(text: string): number {
  return Math.floor(milliseconds("--expires", text as Duration) / 1000);
}

function listCommand(keys: Command, terminal: Terminal): void {
  const command = keys
    .command("list")
    .summary("list a user's keys")
    .description("Lists the keys of a user, the newest first, without their secrets.")
    .argument("<user>", userArgument);
  withCommonOptions(command);
  withExamples(command, "portcullis keys list ann@acme.example").action(
    run(terminal, (options: CommonOptions, named: string) =>
      withSystem("keys list", options.module, async (system) => {
        const owner = await namedUser(system, named);
        const found = await keysOf(system).of(owner);
        const day = (at: number | null): string => (at === null ? "never" : new Date(at).toISOString().slice(0, 10));
        const rows = found.map((key) => [
          ...[key.id, plain(key.name), day(key.createdAt), day(key.expiresAt), day(key.lastUsedAt)],
          key.unlimited ? "whatever its owner may" : plain([...key.permissions, ...key.scopes].join(", ")),
        ]);
        terminal.print(
          options.json === true
            ? asJson(found.map(shown))
            : asTable(["ID", "NAME", "CREATED", "EXPIRES", "LAST USED", "MAY"], rows),
        );
        return 0;
      }),
    ),
  );
}

function revokeCommand(keys: Command, terminal: Terminal): void {
  const command = keys
    .command("revoke")
    .summary("end a key at once")
    .description("Ends a key of a user, from the next request on.")
    .argument("<user>", userArgument)
    .argument("<id>", "the key's id, as list shows it");
  withCommonOptions(command);
  withExamples(command, "portcullis keys revoke ann@acme.example 0123456789abcdef01234567").action(
    run(terminal, (options: CommonOptions, named: string, id: string) =>
      withSystem("keys revoke", options.module, async (system) => {
        const owner = await namedUser(system, named);
        const keys = keysOf(system);
        if (!(await actOn(system, owner.id, (user, asked) => keys.revoke(user, id, asked)))) {
          throw new CommandError(`${titleOf(owner)} has no key ${JSON.stringify(id)}`, { exitCode: 1 });
        }
        terminal.print(
          options.json === true ? asJson({ id, revoked: true }) : `${titleOf(owner)}: key ${id} revoked\n`,
        );
        return 0;
      }),
    ),
  );
}

function keysOf({ apiKeys }: OperatedSystem): NonNullable<OperatedSystem["apiKeys"]> {
  if (apiKeys !== undefined) return apiKeys;
  throw new CommandError("the application has no API keys; add apiKeys() to its features, and apiKey() to its schemes");
}

function shown(key: ApiKey): Readonly<Record<string, unknown>> {
  const time = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
  return {
    id: key.id,
    name: key.name,
    unlimited: key.unlimited,
    permissions: key.permissions,
    scopes: key.scopes,
    rate: key.rate,
    created: time(key.createdAt),
    expires: time(key.expiresAt),
    last_used: time(key.lastUsedAt),
  };
}
