import type { CredentialDescription } from "../../authn/scheme.ts";
import type { Csrf } from "../../http/csrf.ts";
import type { Identity } from "../../model/identity.ts";
import type { Json } from "./json.ts";
import { type Access, keySchemes } from "./security.ts";

/** One way in which a scheme's credentials come: a security scheme of the document. */
interface Way {
  readonly key: string;
  readonly description: CredentialDescription;
  /** True: unsafe requests need a CSRF token too. */
  readonly csrf: boolean;
  /** True: browsers send it along by themselves. */
  readonly ambient: boolean;
}

/** The security schemes of a document: those that its operations name. */
export interface Credentials {
  /** An operation's `security`. */
  requirements(access: Access, scopes: readonly string[], unsafe: boolean): readonly Json[];
  /** True: some callers must show that an unsafe request comes from our own pages. */
  checksOrigin(access: Access): boolean;
  /** The components that were named so far. */
  securitySchemes(): Json;
}

/** The name of the header with the CSRF token. */
export const csrfHeader = "X-CSRF-Token";
const csrfKey = "csrfToken";

/** Makes the security schemes from the schemes themselves; `describe` is the authenticator's. */
export function createCredentials(
  describe: (scheme: string) => readonly CredentialDescription[] | undefined,
  csrf: Pick<Csrf, "asks" | "ambient">,
): Credentials {
  const used = new Map<string, CredentialDescription>();
  const known = new Map<string, readonly Way[]>();
  let asksToken = false;

  const waysOf = (scheme: string, access: Access): readonly Way[] => {
    const found = known.get(scheme);
    if (found !== undefined) return found;
    const key = keyOf(scheme, access);
    const described = key === undefined ? (describe(scheme) ?? [unsaid(scheme)]) : [key];
    const taken = new Set<string>();
    const ways = described.map((description): Way => {
      const { carrier } = description;
      const named = described.length === 1 ? scheme : `${scheme}_${carrier ?? "header"}`;
      // Two words in Authorization are one carrier.
      const key = taken.has(named) ? `${named}_${(description.scheme ?? "").replace(/[^\w.-]/g, "_")}` : named;
      taken.add(key);
      // Asked of what enforces it, for somebody who came this way.
      const caller = { via: scheme, ...(carrier === undefined ? {} : { carrier }) } as Identity;
      return {
        key,
        description,
        csrf: csrf.asks(caller),
        ambient: csrf.ambient(caller),
      };
    });
    known.set(scheme, ways);
    return ways;
  };
  const combinations = (schemes: readonly string[], access: Access): readonly (readonly Way[])[] =>
    schemes.reduce<readonly (readonly Way[])[]>(
      (all, scheme) => all.flatMap((ways) => waysOf(scheme, access).map((way) => [...ways, way])),
      [[]],
    );

  return {
    requirements(access, scopes, unsafe) {
      const requirement = (ways: readonly Way[]): Json => {
        const entries = ways.map(({ key, description }): [string, readonly string[]] => {
          used.set(key, description);
          return [key, key.startsWith("oauth") ? scopes : []];
        });
        const token = unsafe && ways.some((way) => way.csrf);
        if (token) asksToken = true;
        return Object.fromEntries(token ? [...entries, [csrfKey, []]] : entries);
      };
      const all = access.alternatives.flatMap((schemes) => combinations(schemes, access).map(requirement));
      const open = all.some((each) => Object.keys(each).length === 0);
      // Open to everybody is said by an empty list; open, but for what the application's own guard says, by an empty choice.
      return open && !access.unknown ? [] : all;
    },
    checksOrigin: (access) =>
      access.alternatives.flat().some((scheme) => waysOf(scheme, access).some(({ ambient, csrf }) => ambient || csrf)),
    securitySchemes() {
      const schemes = [...used].sort(([a], [b]) => (a < b ? -1 : 1));
      return {
        ...Object.fromEntries(schemes.map(([key, { carrier: _, ...description }]) => [key, description])),
        ...(asksToken ? { [csrfKey]: csrfToken } : {}),
      };
    },
  };
}

const csrfToken: Json = {
  type: "apiKey",
  in: "header",
  name: csrfHeader,
  description:
    "The member `csrf_token` of the sign-in's answer, or of any GET of an account endpoint. Forms and JSON objects may send it as the field `csrf_token` instead. The request must come from one of our own origins.",
};

/** The key of a checkpoint by the name that it has among schemes; undefined: it is none. */
function keyOf(scheme: string, { checkpoints }: Access): CredentialDescription | undefined {
  const description = "A key that the application hands out: no user is behind it.";
  const { asks } = checkpoints.find((one) => keySchemes(one).includes(scheme)) ?? {};
  if (asks?.by === "bearer") return { type: "http", scheme: "bearer", description };
  if (asks?.by !== "header") return undefined;
  const { name, query } = asks;
  return query !== undefined && scheme.startsWith("apiKeyCheckpoint_query_")
    ? { type: "apiKey", in: "query", name: query, description }
    : { type: "apiKey", in: "header", name, description };
}

/** A scheme of the application's own that says nothing of itself. */
function unsaid(scheme: string): CredentialDescription {
  return {
    type: "http",
    scheme,
    description: "A scheme of the application's own; how it is spoken is not known here.",
  };
}
