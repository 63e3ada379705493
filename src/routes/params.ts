/** Parameters that come from elsewhere than path, query and body, and conversions of your own: `portcullis/params`. */

export { type Cast, cast } from "./parameters/cast.ts";
export type { ParameterRecord } from "./parameters/record.ts";
export type { Class } from "./parameters/shape.ts";
export {
  cookie,
  currentUser,
  header,
  type InjectedParameter,
  type Injection,
  type Needs,
  type RestParameter,
  request,
  rest,
  type SentParameter,
  type SpecialKind,
  type SpecialParameter,
  session,
  special,
} from "./parameters/special.ts";
export { jsonText, prefixed } from "./parameters/text-format.ts";
