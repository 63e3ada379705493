/** The oldest Node.js that works, as `engines` in package.json has it: it runs TypeScript as it is, and has `node:sqlite`. */
export const oldestNode = "22.18.0";

/** What is wrong with this platform, in one line; undefined: nothing. Bun and Deno say which Node.js they are like, and are not asked. */
export function nodeFault(versions: Readonly<Record<string, string | undefined>>): string | undefined {
  const { node, bun, deno } = versions;
  if (node === undefined || bun !== undefined || deno !== undefined) return undefined;
  const [major = 0, minor = 0] = node.split(".").map(Number);
  const [leastMajor = 0, leastMinor = 0] = oldestNode.split(".").map(Number);
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return undefined;
  return `Portcullis needs Node.js ${leastMajor}.${leastMinor} or newer; this is Node.js ${node}`;
}
