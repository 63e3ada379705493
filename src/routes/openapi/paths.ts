/** A path as OpenAPI writes it. */
export interface PathTemplate {
  /** "/store/{sid}". */
  readonly template: string;
  /** "/store/{}": two of the same are one path for OpenAPI, whatever their parameters are called. */
  readonly pattern: string;
  readonly parameters: readonly { readonly name: string; readonly pattern: string | undefined }[];
}

/** What the rest of a path is called, which Hono writes as `*`. */
const wildcard = "wildcard";

/**
 * The paths that a path of Hono's stands for: two where its last parameter is optional (`/:page?`), else one. Expects a path
 * that was accepted when the route was declared.
 */
export function pathTemplates(path: string): readonly PathTemplate[] {
  const parts = partsOf(path);
  const last = parts.at(-1);
  if (last?.optional !== true) return [templateOf(parts)];
  return [templateOf(parts.slice(0, -1)), templateOf(parts)];
}

type Part =
  | { readonly literal: string; readonly optional?: false }
  | { readonly name: string; readonly pattern: string | undefined; readonly optional: boolean };

function partsOf(path: string): readonly Part[] {
  const parts: Part[] = [];
  let at = 1;
  let wildcards = 0;
  while (at <= path.length) {
    const end = endOf(path, at);
    const text = path.slice(at, end);
    const parameter = /^:([^/{}?]+)(?:\{([\s\S]*)\})?(\?)?$/.exec(text);
    if (parameter !== null) {
      const [, name = "", pattern, optional] = parameter;
      parts.push({ name, pattern, optional: optional !== undefined });
    } else if (text === "*") {
      wildcards += 1;
      parts.push({ name: wildcards === 1 ? wildcard : `${wildcard}${wildcards}`, pattern: undefined, optional: false });
    } else {
      parts.push({ literal: text });
    }
    at = end + 1;
  }
  return parts;
}

/** Where the part that begins at `from` ends: at the next slash that is in no pattern. */
function endOf(path: string, from: number): number {
  let open = 0;
  for (let at = from; at < path.length; at += 1) {
    if (path[at] === "{") open += 1;
    else if (path[at] === "}") open -= 1;
    else if (path[at] === "/" && open === 0) return at;
  }
  return path.length;
}

function templateOf(parts: readonly Part[]): PathTemplate {
  const parameters = parts.flatMap((part) => ("name" in part ? [{ name: part.name, pattern: part.pattern }] : []));
  const join = (nameOf: (name: string) => string): string =>
    `/${parts.map((part) => ("name" in part ? `{${nameOf(part.name)}}` : encodeBraces(part.literal))).join("/")}`;
  return { template: join((name) => name), pattern: join(() => ""), parameters };
}

/** Braces mark parameters; those of the path itself are percent-encoded (RFC 3986 2.1). */
function encodeBraces(text: string): string {
  return text.replaceAll("{", "%7B").replaceAll("}", "%7D");
}
