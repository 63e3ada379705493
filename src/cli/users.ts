import { type Command, InvalidArgumentError, Option } from "commander";
import type { AskedOptions } from "../datastore/access-state.ts";
import type { NewUser } from "../datastore/user-operations.ts";
import { type Account, withColumns } from "../model/account.ts";
import { normalizeUsername } from "../model/username.ts";
import {
  actOn,
  mayMake,
  namedUser,
  newAccount,
  plain,
  shownUser,
  titleOf,
  userArgument,
  userToActOn,
} from "./accounts.ts";
import { type OperatedSystem, withSystem } from "./application.ts";
import { asJson, asTable, type CommonOptions, run, withCommonOptions, withExamples } from "./command.ts";
import { askNewPassword, confirmed } from "./prompt.ts";
import { sessionsCommand } from "./sessions.ts";
import { CommandError, type Terminal } from "./terminal.ts";

/** Adds `portcullis users …`. */
export function usersCommands(program: Command, terminal: Terminal): void {
  const users = program
    .command("users")
    .summary("create, change, list and remove users")
    .description(`Looks after the users of the application. A user is named by ${userArgument}.`);
  withExamples(users, "portcullis users create ann@acme.example --role admin", "portcullis users list --search ann");
  createCommand(users, terminal);
  listCommand(users, terminal);
  changeCommands(users, terminal);
  deleteCommand(users, terminal);
  passwordCommand(users, terminal);
  sessionsCommand(users, terminal);
}

interface CreateOptions extends CommonOptions {
  readonly username?: string;
  readonly role?: readonly string[];
  readonly inactive?: boolean;
  readonly confirmed?: boolean;
  readonly password: boolean;
  readonly set: Readonly<Record<string, string>>;
}

function createCommand(users: Command, terminal: Terminal): void {
  const command = users
    .command("create")
    .summary("create a user")
    .description("Creates a user. The password is asked for without echo, or is the first line of standard input.")
    .argument("<email>", "the e-mail address")
    .option("--username <name>", "a username")
    .option("--role <name...>", "roles of the user, which must be there")
    .option("--inactive", "the user can't sign in before they are activated")
    .option("--confirmed", "the e-mail address counts as confirmed")
    .option("--no-password", "without a password: they set one by the page for forgotten ones, or sign in otherwise")
    .option("--set <column=value>", "a column of the application's own; once for each", setting, {});
  withCommonOptions(command);
  withExamples(
    command,
    "portcullis users create ann@acme.example --role admin --confirmed",
    "pass acme/ann | portcullis users create ann@acme.example",
    "portcullis users create ann@acme.example --set company=Acme --set seats=3",
  ).action(run(terminal, (options: CreateOptions, email: string) => create(terminal, email, options)));
}

function setting(text: string, before: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new InvalidArgumentError("column=value is expected, such as company=Acme");
  }
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError(`${name} is there twice`);
  return Object.fromEntries([...Object.entries(before), [name, value]]);
}

async function create(terminal: Terminal, email: string, options: CreateOptions): Promise<number> {
  const password = options.password ? await askNewPassword(terminal) : undefined;
  return withSystem("users create", options.module, async (system) => {
    const { roles, users } = system;
    for (const role of options.role ?? []) await roles.require(role);
    const username = options.username === undefined ? null : normalizeUsername(options.username);
    if (username === undefined) throw new CommandError("--username: is no username", { exitCode: 1 });
    // The database may hold names apart that differ in case alone; people do not.
    for (const [field, value] of [
      ["email", email],
      ["username", username],
    ] as const) {
      if (value !== null && (await users.find(field, value, { ignoreCase: true })) !== undefined) {
        throw new CommandError(`another user has the ${field} ${JSON.stringify(value)}`, { exitCode: 1 });
      }
    }
    const known = { email, username };
    const own = system.readOwnValues(options.set);
    const faults = [
      ...own.faults.map((fault) => `--set ${fault}`),
      ...(password === undefined ? [] : await system.passwordFaults(known, password)),
    ];
    if (faults.length > 0) throw new CommandError(faults.join("\n"), { exitCode: 1 });
    const input: NewUser = {
      ...own.values,
      ...known,
      password: password ?? null,
      active: options.inactive !== true,
      roles: options.role ?? [],
      confirmedAt: options.confirmed === true ? new Date() : null,
    };
    await refuseTaken(system, own.values);
    const create = async (asked: AskedOptions["asked"]): Promise<Account> => {
      await mayMake(system, await newAccount(system, input));
      return users.create(input, { asked });
    };
    const created = await system.askAndDo({}, create).catch(async (error: unknown) => {
      // Taken at this moment, or the same by the database's own equality.
      await refuseTaken(system, own.values, error);
      throw error;
    });
    return told(terminal, options, created, "created");
  });
}

/** Refuses values that must be unique and that another user has, by what a creation threw as well. Throws CommandError. */
async function refuseTaken(
  system: OperatedSystem,
  own: Readonly<Record<string, unknown>>,
  thrown?: unknown,
): Promise<void> {
  const taken = await system.takenOwnValues(own, thrown);
  if (taken.length > 0) throw new CommandError(taken.map((line) => `--set ${line}`).join("\n"), { exitCode: 1 });
}

interface ListOptions extends CommonOptions {
  readonly search?: string;
  readonly role?: string;
  readonly active?: boolean;
  readonly inactive?: boolean;
  readonly limit: number;
  readonly after?: string;
}

function listCommand(users: Command, terminal: Terminal): void {
  const command = users
    .command("list")
    .summary("list users, or search them")
    .description("Lists users by id, or those whose e-mail address or username begins with a text, a page at a time.")
    .option("--search <text>", "what the e-mail address or the username begins with")
    .option("--role <name>", "who has this role")
    .addOption(new Option("--active", "who can sign in").conflicts("inactive"))
    .option("--inactive", "who can't")
    .option("--limit <count>", "users a page, 1 to 1000", pageSize, 25)
    .option("--after <cursor>", "the next page, as the page before named it");
  withCommonOptions(command);
  withExamples(command, "portcullis users list --role admin", "portcullis users list --search ann --json").action(
    run(terminal, (options: ListOptions) => list(terminal, options)),
  );
}

function pageSize(text: string): number {
  const size = Number(text);
  if (Number.isInteger(size) && size >= 1 && size <= 1000) return size;
  throw new InvalidArgumentError("a number from 1 to 1000 is expected");
}

async function list(terminal: Terminal, options: ListOptions): Promise<number> {
  const { search, role, limit, after } = options;
  const active = options.active === true ? true : options.inactive === true ? false : undefined;
  const page = await withSystem("users list", options.module, async ({ roles, users }) => {
    if (role !== undefined) await roles.require(role);
    return users.page({ search, role, active, limit, after });
  });
  if (options.json === true) {
    terminal.print(asJson({ users: page.users.map(shownUser), next: page.next ?? null }));
    return 0;
  }
  const head = ["ID", "E-MAIL", "USERNAME", "ACTIVE", "CONFIRMED", "ROLES"];
  const rows = page.users.map((user) => [
    ...[String(user.id), plain(user.email), plain(user.username), user.active ? "yes" : "no"],
    ...[user.confirmedAt === null ? "no" : "yes", plain([...user.roles].sort().join(", "))],
  ]);
  terminal.print(asTable(head, rows));
  if (page.next !== undefined) terminal.note(`the next page: --after ${page.next}\n`);
  return 0;
}

/** A change of one user that answers whether it changed something. */
interface Change {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  /** What was done, and what is said where there was nothing to do. */
  readonly done: string;
  readonly already: string;
  /** What it makes of the account, where the application's rule is asked of that too. */
  readonly makes?: Readonly<Record<string, unknown>>;
  work(system: OperatedSystem, user: Account, asked: AskedOptions): Promise<boolean>;
}

const changes: readonly Change[] = [
  {
    name: "activate",
    summary: "let a user sign in again",
    description: "Activates a user. Who was signed in before stays signed out.",
    done: "activated",
    already: "is active already",
    makes: { active: true },
    work: ({ users }, user, asked) => users.activate(user, asked),
  },
  {
    name: "deactivate",
    summary: "shut a user out at once",
    description: "Deactivates a user and ends all sessions, tokens and links at once.",
    done: "deactivated",
    already: "is not active anyway",
    makes: { active: false },
    work: ({ users }, user, asked) => users.deactivate(user, asked),
  },
  {
    name: "unlock",
    summary: "end a lock that guessing has set",
    description: "Ends the lock that wrong passwords have set on a user.",
    done: "unlocked",
    already: "is not locked",
    work: ({ users }, user, asked) => users.unlock(user, asked),
  },
  {
    name: "reset-access",
    summary: "after a compromise: end everything",
    description:
      "Ends all sessions, tokens, links and API keys of a user, and removes what was set up to sign in beside the password. The password stays; change-password changes it.",
    done: "everything that was signed in or set up has ended",
    already: "",
    async work({ users }, user, asked) {
      await users.resetAccess(user, asked);
      return true;
    },
  },
];

function changeCommands(users: Command, terminal: Terminal): void {
  for (const { name, summary, description, done, already, makes, work } of changes) {
    const command = users.command(name).summary(summary).description(description).argument("<user>", userArgument);
    withCommonOptions(command);
    withExamples(command, `portcullis users ${name} ann@acme.example`).action(
      run(terminal, (options: CommonOptions, named: string) =>
        withSystem(`users ${name}`, options.module, async (system) => {
          const { id: userId } = await namedUser(system, named);
          const { user, changed } = await actOn(system, userId, async (user, asked) => {
            if (makes !== undefined) await mayMake(system, withColumns(user, makes));
            return { user, changed: await work(system, user, asked) };
          });
          const after = (await system.users.get(user.id)) ?? user;
          return told(terminal, options, after, changed ? done : already, changed);
        }),
      ),
    );
  }
}

interface DeleteOptions extends CommonOptions {
  readonly yes?: boolean;
}

function deleteCommand(users: Command, terminal: Terminal): void {
  const command = users
    .command("delete")
    .summary("remove a user for good")
    .description("Removes a user with everything that hangs on them; the audit trail stays. Asks before.")
    .argument("<user>", userArgument)
    .option("-y, --yes", "do not ask");
  withCommonOptions(command);
  withExamples(command, "portcullis users delete ann@acme.example --yes").action(
    run(terminal, (options: DeleteOptions, named: string) =>
      withSystem("users delete", options.module, async (system) => {
        const user = await userToActOn(system, named);
        await confirmed(terminal, `Delete ${titleOf(user)} for good?`, options.yes);
        await actOn(system, user.id, (user, asked) => system.removeUser(user, asked));
        return told(terminal, options, user, "deleted");
      }),
    ),
  );
}

function passwordCommand(users: Command, terminal: Terminal): void {
  const command = users
    .command("change-password")
    .summary("set a user's password")
    .description(
      "Sets a password by the application's policy and ends everything that hung on the old one. It is asked for without echo, or is the first line of standard input.",
    )
    .argument("<user>", userArgument);
  withCommonOptions(command);
  withExamples(
    command,
    "portcullis users change-password ann@acme.example",
    "pass acme/ann | portcullis users change-password ann@acme.example",
  ).action(
    run(terminal, async (options: CommonOptions, named: string) => {
      const password = await askNewPassword(terminal);
      return withSystem("users change-password", options.module, async (system) => {
        const user = await namedUser(system, named);
        const faults = await actOn(system, user.id, (user, asked) => system.setPassword(user, password, asked));
        if (faults.length > 0) throw new CommandError(faults.join("\n"), { exitCode: 1 });
        return told(terminal, options, (await system.users.get(user.id)) ?? user, "has a new password");
      });
    }),
  );
}

/** Says what was done to a user. */
function told(
  terminal: Terminal,
  { json }: CommonOptions,
  user: Account,
  what: string,
  changed: boolean = true,
): number {
  terminal.print(json === true ? asJson({ user: shownUser(user), changed }) : `${titleOf(user)}: ${what}\n`);
  return 0;
}
