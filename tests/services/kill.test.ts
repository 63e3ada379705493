import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Database,
  halfDone,
  type LoadedServer,
  loadServer,
  postgresDatabase,
  sqliteFile,
} from "./account-servers.ts";
import { describeService } from "./available.ts";
import { faultsOf, type Journey, newJourney, travel } from "./journeys.ts";
import { perRun } from "./rounds.ts";

const atOnce = 5;
/** Between two starts, more than the grace of a replaced remember secret. */
const step = 60_000;

let compileCache = "";
beforeAll(async () => {
  compileCache = await mkdtemp(join(tmpdir(), "portcullis-compiled-"));
});
afterAll(() => rm(compileCache, { recursive: true, force: true }));

/** Lets people travel until so many answers have come, and kills the server at that very moment. */
async function killedUnderLoad(
  server: LoadedServer,
  url: string,
  answers: number,
  next: () => Journey,
): Promise<{ journeys: Journey[]; unexpected: string[] }> {
  const journeys: Journey[] = [];
  const unexpected: string[] = [];
  let left = answers;
  let gone: Promise<void> | undefined;
  const acknowledged = (): void => {
    left -= 1;
    if (left === 0) gone = server.kill();
  };
  const walk = async (): Promise<void> => {
    while (gone === undefined) {
      const journey = next();
      journeys.push(journey);
      try {
        await travel(url, journey, acknowledged);
      } catch (error) {
        // Only a broken connection of a dead server is what was meant.
        if (gone === undefined || !(error instanceof TypeError)) unexpected.push(String(error));
        if (gone === undefined) return;
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, walk));
  await (gone ?? server.kill());
  return { journeys, unexpected };
}

/** Declares the test. */
function survivesKills(kills: number, create: () => Promise<Database>): void {
  it(`${kills} kills leave no account half there, no ended session alive and no consumed ticket usable`, async () => {
    const database = await create();
    let spare = loadServer(database, compileCache);
    let server = spare;
    let travelled = 0;
    const counts = { registered: 0, signedIn: 0, signedOut: 0, cut: 0 };
    let before: readonly Journey[] = [];
    try {
      for (let cycle = 0; cycle <= kills; cycle += 1) {
        server = spare;
        const url = await server.open(cycle * step);
        if (cycle > 0) expect(await halfDone(database)).toEqual([]);
        const faults = await Promise.all(before.map((journey) => faultsOf(url, database, journey)));
        expect(faults.flat()).toEqual([]);
        if (cycle === kills) break;
        // The next process loads its program meanwhile; it opens the database after the kill.
        spare = loadServer(database, compileCache);
        // Spread over the whole way, so that every kind of request is hit.
        const answers = 1 + ((cycle * 13) % 31);
        const { journeys, unexpected } = await killedUnderLoad(server, url, answers, () => newJourney(travelled++));
        expect(unexpected).toEqual([]);
        before = journeys;
        for (const journey of journeys) {
          for (const name of ["registered", "signedIn", "signedOut"] as const) {
            if (journey[name] === "done") counts[name] += 1;
            if (journey[name] === "asked") counts.cut += 1;
          }
        }
      }
      // The load was what it had to be: whole journeys, and requests in flight at the kills.
      expect(counts.signedOut).toBeGreaterThan(kills / 2);
      expect(counts.cut).toBeGreaterThan(kills);
    } finally {
      await server.kill();
      await spare.kill();
      await database.remove();
    }
  }, 600_000);
}

describe("SIGKILL in the middle, on an SQLite file", () => survivesKills(perRun(15, 50), sqliteFile));

describeService("postgres", "SIGKILL in the middle, on PostgreSQL", (url) =>
  survivesKills(perRun(6, 15), () => postgresDatabase(url)),
);
