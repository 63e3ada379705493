import { normalizeEmail } from "../model/email.ts";
import { ConfigurationError } from "../model/errors.ts";
import { checkKnown, knownNames } from "../model/known-names.ts";
import type { Column } from "../model/schema.ts";
import { normalizeUsername } from "../model/username.ts";

/** An attribute by which users say who they are: a column of the user, and how what is typed becomes what is stored. */
export interface IdentityDefinition {
  /** "email", "username", or the field of a column of your own. */
  readonly attribute: string;
  /**
   * The stored form of what was typed, such as a phone number in E.164; undefined: this cannot be one. Default: an address or
   * username in its stored form, of your own columns the text without white space around it.
   */
  readonly normalize?: (typed: string) => string | undefined;
  /** Default true. */
  readonly ignoreCase?: boolean;
  /** What the field of the form is called; default "Email" or "Username", else the attribute's name. */
  readonly label?: string;
}

/** An attribute of a running system. */
export interface IdentityAttribute {
  readonly attribute: string;
  readonly ignoreCase: boolean;
  readonly label: string | undefined;
  /** The stored form; undefined when this cannot be one. Never throws. */
  normalize(typed: string): string | undefined;
}

const longest = 255;

/** How users of an application's own table say who they are: by their login, letter for letter. */
export const loginAttribute: IdentityAttribute = Object.freeze({
  attribute: "username",
  ignoreCase: false,
  label: undefined,
  normalize: (typed: string) => (typed === "" || typed.length > longest ? undefined : typed),
});

const known: Readonly<Record<string, (typed: string) => string | undefined>> = {
  email: normalizeEmail,
  username: normalizeUsername,
};
const names = ["attribute", "normalize", "ignoreCase", "label"];

function isText({ type }: Column): boolean {
  return type === "string" || type === "text";
}

/** Checks the option `identities` against the user's columns. Throws ConfigurationError. */
export function identityAttributes(
  given: readonly (string | IdentityDefinition)[] | undefined,
  columns: Readonly<Record<string, Column>>,
  log: (message: string, details?: Record<string, unknown>) => void,
): readonly IdentityAttribute[] {
  const list = given ?? ["email"];
  if (list.length === 0) throw new ConfigurationError("identities", "name at least one attribute");
  const seen = new Set<string>();
  return list.map((item, index) => {
    const path = `identities[${index}]`;
    const definition = typeof item === "string" ? { attribute: item } : item;
    if (typeof definition !== "object" || definition === null || typeof definition.attribute !== "string") {
      throw new ConfigurationError(path, '"email", "username", or { attribute, normalize } is expected');
    }
    checkKnown(path, definition, names);
    const { attribute, normalize, ignoreCase = true, label }: IdentityDefinition = definition;
    const column = Object.hasOwn(columns, attribute) ? columns[attribute] : undefined;
    if (column === undefined || !isText(column)) {
      const fit = Object.entries(columns).filter(
        ([, one]) => isText(one) && one.unique === true && one.secret !== true,
      );
      const named = knownNames(
        attribute,
        fit.map(([name]) => name),
      );
      throw new ConfigurationError(
        path,
        `the user has no text column "${attribute}"; add it to the option columns; ${named}`,
      );
    }
    if (column.secret === true) {
      throw new ConfigurationError(path, `"${attribute}" is secret, and who says who they are tells no secret`);
    }
    if (column.unique !== true) {
      throw new ConfigurationError(
        path,
        `"${attribute}" may belong to several users; say unique: true in the option columns`,
      );
    }
    if (seen.has(attribute)) throw new ConfigurationError(path, `"${attribute}" is there twice`);
    seen.add(attribute);
    if (normalize !== undefined && typeof normalize !== "function") {
      throw new ConfigurationError(`${path}.normalize`, "a function is expected");
    }
    const own = normalize ?? known[attribute] ?? ((typed: string) => typed.trim());
    return {
      attribute,
      ignoreCase,
      label,
      normalize(typed) {
        if (typed.length > longest) return undefined;
        try {
          const normal = own(typed);
          return typeof normal === "string" && normal !== "" && normal.length <= longest ? normal : undefined;
        } catch (error) {
          // What cannot be read is nobody's: the caller is told what every stranger is told.
          log("an identity could not be read", { attribute, error: error instanceof Error ? error.name : "unknown" });
          return undefined;
        }
      },
    };
  });
}

/** The option `emails` leaves everybody a way to say who they are; else throws ConfigurationError. */
export function checkEmails({
  emails,
  identities,
  tokens,
}: {
  readonly emails?: unknown;
  readonly identities?: readonly (string | IdentityDefinition)[];
  readonly tokens?: { readonly type?: unknown };
}): void {
  if (emails !== undefined && emails !== "required" && emails !== "optional") {
    throw new ConfigurationError("emails", 'must be "required" or "optional"');
  }
  if (emails !== "optional") return;
  const others = (identities ?? []).filter((item) => (typeof item === "string" ? item : item.attribute) !== "email");
  if (others.length === 0) {
    throw new ConfigurationError(
      "emails",
      'without an address nobody could sign in; say identities: ["email", "username"]',
    );
  }
  // They name their user by the address.
  if (tokens?.type === "fsa") throw new ConfigurationError("emails", '"optional" does not go with tokens.type "fsa"');
}
