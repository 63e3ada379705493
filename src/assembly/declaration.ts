import { isPlan } from "../authn/scheme.ts";
import type { TokenSettings } from "../authn/tokens/options.ts";
import type { AnyOptions } from "../options.ts";
import type { DeclarationContext } from "../routes/declaration.ts";
import { classShapes } from "../routes/parameters/cast.ts";

/** What declaring a route needs: the words that it may name, and whose parameters it need not declare. */
export function declarationContext(
  options: AnyOptions,
  {
    issuing,
    ...rooms
  }: Pick<DeclarationContext, "system" | "authenticator" | "refusals" | "names"> & { readonly issuing: TokenSettings },
): DeclarationContext {
  return {
    ...rooms,
    classes: classShapes(options.casts),
    words: {
      roles: new Set([...(options.roles ?? []), ...(options.groups ?? [])]),
      permissions: new Set(options.permissions ?? []),
      objects: new Set(Object.keys(options.objects ?? {})),
      scopes: new Set(options.scopes ?? []),
    },
    credentialParameters: [
      ...(options.schemes ?? []).flatMap((scheme) => (isPlan(scheme) ? (scheme.parameters ?? []) : [])),
      ...(issuing.carriers.includes("parameter") ? [issuing.parameter] : []),
      ...(issuing.query === undefined ? [] : [issuing.query]),
    ],
  };
}
