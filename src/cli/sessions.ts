import { type Command, Option } from "commander";
import { actOn, namedUser, plain, titleOf, userArgument } from "./accounts.ts";
import { withSystem } from "./application.ts";
import { asJson, asTable, type CommonOptions, counted, run, withCommonOptions, withExamples } from "./command.ts";
import { CommandError, type Terminal } from "./terminal.ts";

interface SessionsOptions extends CommonOptions {
  readonly end?: string;
  readonly endAll?: boolean;
}

/** Adds `portcullis users sessions`. */
export function sessionsCommand(users: Command, terminal: Terminal): void {
  const command = users
    .command("sessions")
    .summary("list where a user is signed in, and end it")
    .description("Lists the devices on which a user is signed in, or signs out one or all of them at once.")
    .argument("<user>", userArgument)
    .option("--end <id>", "sign out this device")
    .addOption(new Option("--end-all", "end all sessions, auth tokens and remember credentials").conflicts("end"));
  withCommonOptions(command);
  withExamples(
    command,
    "portcullis users sessions ann@acme.example",
    "portcullis users sessions ann@acme.example --end-all",
  ).action(
    run(terminal, (options: SessionsOptions, named: string) =>
      withSystem("users sessions", options.module, async (system) => {
        const user = await namedUser(system, named);
        if (options.endAll === true) {
          const tell = (count: number): void => system.events.emit("sessionsEnded", { user, which: "all", count });
          const count = await actOn(system, user.id, (user, asked) =>
            system.users.endSessions(user, { ...asked, tell }),
          );
          terminal.print(
            options.json === true ? asJson({ ended: count }) : `${titleOf(user)}: ${counted(count, "session")} ended\n`,
          );
          return 0;
        }
        const { end } = options;
        if (end !== undefined) {
          if (!(await actOn(system, user.id, (user, asked) => system.devices.end(user, end, asked)))) {
            throw new CommandError(`${titleOf(user)} is not signed in on ${JSON.stringify(end)}`, {
              exitCode: 1,
            });
          }
          terminal.print(options.json === true ? asJson({ ended: 1 }) : `${titleOf(user)}: signed out there\n`);
          return 0;
        }
        const time = (at: number | undefined): string | null => (at === undefined ? null : new Date(at).toISOString());
        const found = (await system.devices.of(user)).map(({ id, session, credential }) => ({
          id,
          created: time(session?.createdAt ?? credential?.createdAt),
          last_seen: time(session?.lastSeenAt ?? credential?.rotatedAt),
          ends: time(session?.expiresAt ?? credential?.expiresAt),
          address: session?.address ?? null,
          agent: session?.agent ?? null,
        }));
        const rows = found.map(({ id, created, last_seen, ends, address, agent }) =>
          [id, created, last_seen, ends, address, agent].map((text) => plain(text)),
        );
        terminal.print(
          options.json === true
            ? asJson(found)
            : asTable(["ID", "SINCE", "LAST SEEN", "ENDS", "ADDRESS", "AGENT"], rows),
        );
        return 0;
      }),
    ),
  );
}
