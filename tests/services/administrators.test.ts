/** Two processes that take the last two administrators away at once: one of them stays, whatever they do it by. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Database } from "./account-servers.ts";
import type { Order } from "./administrators-server.ts";
import { describeDatabases, type SuiteDatabase } from "./each-database.ts";
import { raceRounds } from "./rounds.ts";

const program = fileURLToPath(new URL("administrators-server.ts", import.meta.url));

interface Said {
  readonly result?: unknown;
  readonly refused?: string;
}

async function start(database: Database): Promise<ChildProcess> {
  const child = fork(program, [database.dialect, database.connection], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  await once(child, "message");
  return child;
}

async function tell(child: ChildProcess, order: Order): Promise<Said> {
  const answer = once(child, "message");
  child.send(order);
  const [said] = (await answer) as [Said];
  return said;
}

function lastOnes(database: SuiteDatabase): void {
  const children: ChildProcess[] = [];
  let made = 0;
  /** Those of the round before, of whom one is an administrator. */
  const left: number[] = [];

  beforeAll(async () => {
    for (let count = 0; count < 2; count += 1) children.push(await start(database.place()));
  });
  afterAll(async () => {
    for (const child of children) {
      const gone = once(child, "exit");
      child.disconnect();
      await gone;
    }
  });

  const [one, two] = [() => children[0] as ChildProcess, () => children[1] as ChildProcess];
  const must = async (child: ChildProcess, operation: string, id = 0): Promise<unknown> => {
    const said = await tell(child, { operation, id });
    expect([operation, said.refused]).toEqual([operation, undefined]);
    return said.result;
  };

  it.each([
    ["deactivate", "deactivate", "makeBoss"],
    ["deactivate", "setPermissions", "makeOwn"],
    ["removeRole", "removeRole", "makeBoss"],
    ["setRoles", "delete", "makeBoss"],
    ["deleteRole", "setPermissions", "mixed"],
    ["askDeletion", "askDeletion", "makeBoss"],
    ["askDeletion", "removeRole", "makeBoss"],
  ] as const)("%s and %s (%s)", async (first, second, how) => {
    for (let round = 0; round < raceRounds; round += 1) {
      const ids: number[] = [];
      for (let index = 0; index < 2; index += 1) {
        made += 1;
        ids.push((await must(one(), "create", made)) as number);
      }
      const [a = 0, b = 0] = ids;
      await must(one(), how === "makeOwn" ? "makeOwn" : "makeBoss", a);
      await must(one(), how === "makeBoss" ? "makeBoss" : "makeOwn", b);
      // A database may give the number of one who was deleted again.
      const before = left.splice(0, 2, a, b).filter((id) => !ids.includes(id));
      for (const id of before) await tell(two(), { operation: "deactivate", id });
      expect(await must(one(), "administrators")).toBe(2);
      if (first === "askDeletion") await must(one(), "signIn", a);
      if (second === "askDeletion") await must(two(), "signIn", b);
      const said = await Promise.all([
        tell(one(), { operation: first, id: a }),
        tell(two(), { operation: second, id: b }),
      ]);
      const refused = said.flatMap(({ refused: code }) => (code === undefined ? [] : [code]));
      expect(refused).toEqual(["last_administrator"]);
      expect(await must(two(), "administrators")).toBe(1);
    }
  });
}

describeDatabases("the last administrator", lastOnes);
