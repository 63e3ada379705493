import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";
import { describe, test } from "vitest";

/** Where Chromium usually is; nothing is downloaded. */
const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const mend = "install it (Debian: apt-get install chromium) or set CHROMIUM to the path of one";

/** The path of a Chromium: the environment variable CHROMIUM, else the first that is installed. */
export const chromiumPath: string | undefined = process.env.CHROMIUM || places.find((place) => existsSync(place));

/** Starts the browser without a window and without network services of its own. The caller closes it. */
export async function launch(): Promise<Browser> {
  if (chromiumPath === undefined) throw new Error(`no Chromium: ${mend}`);
  return await chromium.launch({
    executablePath: chromiumPath,
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
  if (chromiumPath !== undefined) {
    describe(name, suite);
  } else if (process.env.CI === "true") {
    test(name, () => {
      throw new Error(`no Chromium: ${mend}`);
    });
  } else {
    process.stderr.write(`skipped, no Chromium: "${name}"; ${mend}\n`);
    describe.skip(name, suite);
  }
}
