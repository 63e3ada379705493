import type { DescribedRoute } from "./described.ts";
import type { PathTemplate } from "./paths.ts";

/**
 * Gives each operation its `operationId`: an account endpoint's own name, an application's by method and path
 * (`getStoreBySid`). Each is there once.
 */
export function operationNames(): (route: DescribedRoute, method: string, template: PathTemplate) => string {
  const taken = new Set<string>();
  return (route, method, template) => {
    const wanted = route.name ?? `${method.toLowerCase()}${inCamels(template.template)}`;
    let name = wanted;
    for (let count = 2; taken.has(name); count += 1) name = `${wanted}${count}`;
    taken.add(name);
    return name;
  };
}

/** "/store/{sid}/product" as "StoreBySidProduct". */
function inCamels(template: string): string {
  const words = template
    .replace(/\{([^}]*)\}/g, "by-$1")
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== "");
  return words.length === 0 ? "Root" : words.map((word) => `${word[0]?.toUpperCase()}${word.slice(1)}`).join("");
}
