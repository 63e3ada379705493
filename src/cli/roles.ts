import type { Command } from "commander";
import type { Role } from "../model/user.ts";
import { actOn, mayChangeRole, mayMake, namedUser, plain, titleOf, userArgument, withRoles } from "./accounts.ts";
import { withSystem } from "./application.ts";
import { asJson, asTable, type CommonOptions, run, withCommonOptions, withExamples } from "./command.ts";
import type { Terminal } from "./terminal.ts";

/** Adds `portcullis roles …`. */
export function rolesCommands(program: Command, terminal: Terminal): void {
  const roles = program
    .command("roles")
    .summary("create and list roles, and give them to users")
    .description("Looks after roles. Changes are effective on the next request of everybody concerned.");
  withExamples(roles, "portcullis roles add ann@acme.example editor", "portcullis roles list");
  createCommand(roles, terminal);
  listCommand(roles, terminal);
  grantCommands(roles, terminal);
  permissionCommands(roles, terminal);
}

interface CreateOptions extends CommonOptions {
  readonly description?: string;
  readonly permission?: readonly string[];
}

function createCommand(roles: Command, terminal: Terminal): void {
  const command = roles
    .command("create")
    .summary("create a role")
    .description("Creates a role. Routes know the roles that the application's configuration declares.")
    .argument("<name>", "the role's name")
    .option("--description <text>", "what it is for")
    .option("--permission <name...>", "permissions that it grants");
  withCommonOptions(command);
  withExamples(command, "portcullis roles create editor --permission read write").action(
    run(terminal, ({ description, permission, ...options }: CreateOptions, name: string) =>
      withSystem("roles create", options.module, async (system) => {
        const role = await system.roles.create(name, {
          ...(description === undefined ? {} : { description }),
          ...(permission === undefined ? {} : { permissions: permission }),
        });
        return told(terminal, options, role, "created");
      }),
    ),
  );
}

function listCommand(roles: Command, terminal: Terminal): void {
  const command = roles.command("list").summary("list roles").description("Lists all roles with their permissions.");
  withCommonOptions(command);
  withExamples(command, "portcullis roles list").action(
    run(terminal, async (options: CommonOptions) => {
      const found = await withSystem("roles list", options.module, (system) => system.roles.list());
      if (options.json === true) terminal.print(asJson(found.map(shown)));
      else {
        const rows = found.map(({ name, permissions, description }) =>
          [name, permissions.join(", "), description].map((text) => plain(text)),
        );
        terminal.print(asTable(["NAME", "PERMISSIONS", "DESCRIPTION"], rows));
      }
      return 0;
    }),
  );
}

function grantCommands(roles: Command, terminal: Terminal): void {
  const add = roles.command("add").summary("give a user a role").description("Gives a user a role.");
  const remove = roles
    .command("remove")
    .summary("take a role from a user")
    .description("Takes a role from a user. The last administrator keeps theirs.");
  for (const [command, name, done, already] of [
    [add, "add", "has it now", "has it already"],
    [remove, "remove", "has it no more", "does not have it"],
  ] as const) {
    withCommonOptions(command.argument("<user>", userArgument).argument("<role>", "the role's name"));
    withExamples(command, `portcullis roles ${name} ann@acme.example editor`).action(
      run(terminal, (options: CommonOptions, named: string, role: string) =>
        withSystem(`roles ${name}`, options.module, async (system) => {
          const { id: userId } = await namedUser(system, named);
          const { user, changed } = await actOn(system, userId, async (user, asked) => {
            const roles = new Set(user.roles);
            if (name === "add") roles.add(role);
            else roles.delete(role);
            await mayMake(system, await withRoles(system, user, roles));
            const { users } = system;
            const grant = name === "add" ? users.addRole : users.removeRole;
            return { user, changed: await grant(userId, role, asked) };
          });
          const roleNames = [...((await system.users.get(user.id))?.roles ?? [])].sort();
          terminal.print(
            options.json === true
              ? asJson({ user: { id: user.id, email: user.email, roles: roleNames }, role, changed })
              : `${titleOf(user)}: ${changed ? done : already}: ${plain(role)}\n`,
          );
          return 0;
        }),
      ),
    );
  }
}

function permissionCommands(roles: Command, terminal: Terminal): void {
  for (const [name, what] of [
    ["add-permissions", "add permissions to a role"],
    ["remove-permissions", "take permissions from a role"],
  ] as const) {
    const command = roles
      .command(name)
      .summary(what)
      .description(`${what[0]?.toUpperCase()}${what.slice(1)}; prints those that it has afterwards.`)
      .argument("<role>", "the role's name")
      .argument("<permissions...>", "permissions");
    withCommonOptions(command);
    withExamples(command, `portcullis roles ${name} editor read write`).action(
      run(terminal, (options: CommonOptions, role: string, permissions: string[]) =>
        withSystem(`roles ${name}`, options.module, async (system) => {
          await system.askAndDo({ role }, async (asked) => {
            const before = new Set((await system.roles.require(role)).permissions);
            const given = new Set(permissions);
            const then = name === "add-permissions" ? before.union(given) : before.difference(given);
            await mayChangeRole(system, role, then);
            await system.roles.setPermissions(role, [...then], { asked });
          });
          const after = await system.roles.require(role);
          return told(terminal, options, after, after.permissions.join(", ") || "no permissions");
        }),
      ),
    );
  }
}

function shown({ name, description, permissions }: Role): Readonly<Record<string, unknown>> {
  return { name, description, permissions };
}

function told(terminal: Terminal, { json }: CommonOptions, role: Role, what: string): number {
  terminal.print(json === true ? asJson(shown(role)) : `${plain(role.name)}: ${plain(what)}\n`);
  return 0;
}
