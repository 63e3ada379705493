/**
 * Members that `Known` does not have may not be there. The compiler refuses a misspelt member where an object has a declared
 * type; where its type is inferred (`const T extends Options`) it takes every one, so such a parameter is `OnlyKnown<T, Options>`.
 */
export type OnlyKnown<T, Known> = T & { readonly [K in Exclude<keyof T, keyof Known>]: never };
