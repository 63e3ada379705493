import type { Scheme } from "../scheme.ts";

/** The scheme "none": nobody. A route that accepts it alone looks at no credentials at all. */
export const noneScheme: Scheme = Object.freeze({ name: "none", authenticate: () => undefined });
