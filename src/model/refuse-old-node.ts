import process from "node:process";
import { nodeFault } from "./node-version.ts";

// Imported before everything else: what is missing in an old Node.js would be told by an error that names neither.
const fault = nodeFault(process.versions);
if (fault !== undefined) {
  const error = new Error(fault);
  // One line: where in the package it was thrown helps nobody.
  error.stack = error.message;
  throw error;
}
