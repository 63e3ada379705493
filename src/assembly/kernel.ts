import type { Delivery } from "../features/delivery.ts";
import type { Feature, FeatureKernel } from "../features/feature.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { Account } from "../model/account.ts";
import { namedColumns } from "../model/column.ts";
import { PortcullisError } from "../model/errors.ts";
import type { AnyOptions } from "../options.ts";
import type { LabelledCell } from "../views/contract.ts";

/** What the features' functions reach as it is. */
type Rooms = Pick<
  FeatureKernel,
  | "system"
  | "datastore"
  | "changing"
  | "users"
  | "roles"
  | "hasher"
  | "policy"
  | "history"
  | "limits"
  | "audit"
  | "tickets"
  | "sessions"
  | "destinations"
  | "services"
  | "origin"
  | "background"
>;

/** The rooms, and what the rest of the kernel is made of. */
export interface FeatureKernelContext extends Rooms {
  readonly features: readonly Feature[];
  readonly delivery: Delivery;
  /** The paths of the endpoints by name; filled once the features have told them. */
  readonly paths: ReadonlyMap<string, string>;
}

/** What features can reach before anybody can sign in. */
export function createFeatureKernel(options: AnyOptions, context: FeatureKernelContext): FeatureKernel {
  const { features, delivery, paths, ...rooms } = context;
  const own = Object.entries(namedColumns(options.columns ?? {}));
  const kernel: FeatureKernel = {
    ...rooms,
    revealAccounts: options.revealAccounts === true,
    revealAccountState: options.revealAccountState !== false,
    emailOptional: options.emails === "optional",
    retypeInJson: options.passwords?.retypeInJson !== false,
    ownColumns: new Map(own.filter(([, { secret }]) => secret !== true)),
    secretColumns: new Map(own.filter(([, { secret }]) => secret === true)),
    declaredRoles: new Set(options.roles ?? []),
    declaredPermissions: new Set(options.permissions ?? []),
    declaredScopes: new Set(options.scopes ?? []),
    features: new Set(features.map(({ name }) => name)),
    path: (name: string) => paths.get(name),
    mail: delivery.mail,
    sms: delivery.sms,
    waiting: delivery.waiting,
    phones: delivery.phones,
    async waysToSignIn(rq: SecurityRequest, user: Account) {
      const all: LabelledCell[] = [];
      for (const feature of features) all.push(...((await feature.waysToSignIn?.(kernel, rq, user)) ?? []));
      return all;
    },
    link: (name: string, token?: string) => {
      const path = paths.get(name);
      if (path === undefined) throw new PortcullisError("no_endpoint", `there is no page "${name}" to link to`);
      return `${rooms.origin}${token === undefined ? path : path.replace(":token", () => encodeURIComponent(token))}`;
    },
  };
  return kernel;
}
