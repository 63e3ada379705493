import type { SecurityRequest } from "../http/request.ts";
import type { Account } from "../model/account.ts";
import type { Kernel } from "./feature.ts";

const mostId = 2 ** 31 - 1;

/** The number of a user, in its one spelling. */
export function userNumber(input: string): number | undefined {
  if (!/^[1-9]\d{0,9}$/.test(input)) return undefined;
  const id = Number(input);
  return id <= mostId ? id : undefined;
}

/** The number of the user in the path. */
export function userIdInPath(rq: SecurityRequest): number | undefined {
  return userNumber(rq.context?.req.param("id") ?? "");
}

/** The user whose number the path has, as the rows say now. */
export async function userInPath({ users }: Pick<Kernel, "users">, rq: SecurityRequest): Promise<Account | undefined> {
  const id = userIdInPath(rq);
  return id === undefined ? undefined : users.get(id);
}
