#!/usr/bin/env node
import process from "node:process";
import { nodeFault } from "../model/node-version.ts";

const fault = nodeFault(process.versions);
if (fault === undefined) {
  // Only now: an old Node.js may not get through the imports.
  const { runCommand } = await import("./program.ts");
  // Not awaited: for a module that waits for what never comes the command has words of its own.
  void runCommand(process.argv);
} else {
  process.stderr.write(`portcullis: ${fault}\n`);
  process.exitCode = 2;
}
