import { PortcullisError } from "../model/errors.ts";

/** Who is meant: an id, or a user or account that was read before. */
export type UserReference = number | { readonly id: number };

/** The id of whoever is meant. */
export const idOf = (user: UserReference): number => (typeof user === "number" ? user : user.id);

/** No user has that id. */
export class UnknownUserError extends PortcullisError {
  constructor(id: number) {
    super("unknown_user", `there is no user with the id ${id}`);
  }
}
