#!/usr/bin/env node
import { runCommand } from "./program.ts";

// Not awaited: for a module that waits for what never comes the command has words of its own.
void runCommand(process.argv);
