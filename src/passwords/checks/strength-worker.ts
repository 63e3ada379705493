// Runs in a worker thread: loads the estimator once, then answers each job.
import { parentPort } from "node:worker_threads";
import { ZxcvbnFactory } from "@zxcvbn-ts/core";
import { adjacencyGraphs, dictionary } from "@zxcvbn-ts/language-common";
import { dictionary as english } from "@zxcvbn-ts/language-en";
import type { Estimate, EstimateJob } from "./strength.ts";

// Without translations the hints are their own keys.
const estimator = new ZxcvbnFactory({ dictionary: { ...dictionary, ...english }, graphs: adjacencyGraphs });

parentPort?.on("message", ({ password, words }: EstimateJob) => {
  const { score, feedback } = estimator.check(password, [...words]);
  const estimate: Estimate = { score, warning: feedback.warning ?? undefined, suggestions: feedback.suggestions };
  parentPort?.postMessage(estimate);
});
