import { type Browser, chromium } from "playwright-core";
import { describeService } from "../services/available.ts";

let executablePath = "";

/** Starts the browser without a window and without network services of its own. The caller closes it. */
export async function launch(): Promise<Browser> {
  return await chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-dev-shm-usage",
    ],
  });
}

/** A suite that needs a browser: skipped with one line on a machine without Chromium, a failure there under CI=true. */
export function describeBrowser(name: string, suite: () => void): void {
  describeService("chromium", name, (path) => {
    executablePath = path;
    suite();
  });
}
