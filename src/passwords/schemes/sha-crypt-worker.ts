// Runs in a worker thread: takes one job from workerData, posts its digest and ends.
import { parentPort, workerData } from "node:worker_threads";
import { type ShaCryptJob, shaCrypt } from "./sha-crypt-digest.ts";

const steps = shaCrypt(workerData as ShaCryptJob);
let step = steps.next();
while (!step.done) step = steps.next();
parentPort?.postMessage(step.value);
