/** Collects what became of each attack, and writes it where ATTACK_RESULTS says. */
import { writeFileSync } from "node:fs";
import type { Reporter, TestCase, TestModule } from "vitest/node";

/** What became of one attack against one target. */
export interface AttackResult {
  readonly id: string;
  readonly severity: string;
  readonly target: string;
  readonly state: "passed" | "failed" | "not applicable";
  readonly title: string;
  /** Why it is not applicable, or how it failed. */
  readonly note: string;
}

export default class AttackReporter implements Reporter {
  readonly #results: AttackResult[] = [];

  onTestCaseResult(test: TestCase): void {
    const result = test.result();
    const { attack, notApplicable } = test.meta();
    for (const { id, severity, reason } of notApplicable ?? []) {
      this.#results.push({ id, severity, target: "*", state: "not applicable", title: id, note: reason });
    }
    const failed = result.state === "failed";
    const about = attack ?? { id: "ORACLES", severity: "H", target: "*" };
    // What is no attack of the catalogue (the oracles of the whole run, the model) counts only when it fails.
    if (attack === undefined && !failed) return;
    for (const { id, severity } of [about, ...(attack?.classes ?? [])]) {
      this.#results.push({
        id,
        severity,
        target: about.target,
        state: failed ? "failed" : result.state === "skipped" ? "not applicable" : "passed",
        title: test.fullName,
        note: failed ? (result.errors[0]?.message ?? "") : result.state === "skipped" ? (result.note ?? "skipped") : "",
      });
    }
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const module of modules) {
      const errors = module.errors();
      if (errors.length === 0) continue;
      const note = errors.map(({ message }) => message).join("\n");
      const title = module.relativeModuleId;
      this.#results.push({ id: "ORACLES", severity: "C", target: "*", state: "failed", title, note });
    }
    const path = process.env["ATTACK_RESULTS"];
    if (path !== undefined) writeFileSync(path, JSON.stringify(this.#results));
  }
}
