import {
  apiKey,
  type DatastoreProvider,
  digest,
  type LimitOptions,
  type MailSender,
  type PasswordHasher,
  portcullis,
  type Security,
  type SecurityOptions,
  type SmsSender,
  type TokenOptions,
  type User,
  type Vocabulary,
} from "portcullis";
import type { FlaskTranslation } from "portcullis/flask";
import type { DigestSecrets } from "./digest.ts";
import type { Faults } from "./faults.ts";
import { readAnyJson } from "./routes.ts";
import type { LabTokens } from "./settings.ts";

/** The words of the fixture and the sample routes. */
export interface LabVocabulary extends Vocabulary {
  readonly role: "admin" | "editor" | "author" | "simple" | "owners";
  readonly permission: "full-read" | "full-write" | "super" | "my-write" | "admin" | "manage-users";
  readonly object: "obj";
  readonly ids?: { readonly obj: number };
  readonly scheme: "session" | "token" | "basic" | "none" | "apiKey" | "digest";
  readonly scope: never;
  readonly user: User;
  readonly session: Record<string, unknown>;
}

type ClaimedUser = NonNullable<TokenOptions["issuers"]>[number]["user"];

/** The lab's running system. */
export type LabSecurity = Security<LabVocabulary>;

/** What the lab's system is made of. */
export interface SystemParts {
  readonly translation: FlaskTranslation;
  readonly limits: "product" | "wide";
  readonly tokens: LabTokens;
  /** Undefined: HTTP Digest is off. */
  readonly digests: DigestSecrets | undefined;
  /** Undefined: the option is not given. */
  readonly trustedProxies?: SecurityOptions["trustedProxies"];
  readonly datastore: DatastoreProvider;
  readonly origins: readonly string[];
  readonly production: boolean;
  readonly clock: () => number;
  readonly wrapHasher: (hasher: PasswordHasher) => PasswordHasher;
  readonly wrapDecision: Faults["decision"];
  readonly mailSender: MailSender;
  readonly smsSender: SmsSender;
}

/** The key that a lab signs with unless its settings have one: the same at each start, so that a restart signs nobody out. */
const labKey = "the-lab's-own-key-that-protects-nothing-at-all";
/** A real argon2id at a cost that a test can wait for. */
const fastCost = { memory: 1024, passes: 1, parallelism: 1, allowWeakHashing: true };

/** A hundred times the product's limits by address; those of accounts and recipients are the product's. */
function wideLimits(features: readonly string[]): LimitOptions {
  return {
    signIn: { perAddress: "10000/15m" },
    mail: { perAddress: "3000/1h" },
    endpoints: features.includes("registration") ? { register: { perAddress: "3000/1h" } } : {},
  };
}

/** Who has objects: the group of that name. */
const owners: readonly string[] = ["matt@lp.com", "joe@lp.com"];

/** Whose object this is; undefined: there is none. */
function ownerOf(id: number): string | undefined {
  if (id >= 1 && id <= 100) return "matt@lp.com";
  return id >= 101 && id <= 200 ? "joe@lp.com" : undefined;
}

function tokensOf({ issuers, ...tokens }: LabTokens): TokenOptions {
  if (issuers === undefined) return tokens;
  const user: ClaimedUser = (claims, users) =>
    claims.email_verified === true ? users.find("email", String(claims.email)) : undefined;
  return { ...tokens, issuers: issuers.map((issuer) => ({ ...issuer, user })) };
}

/** Starts the system that the lab serves. */
export function startSystem(parts: SystemParts): Promise<LabSecurity> {
  const { translation, limits, origins, production, digests, trustedProxies } = parts;
  const { options, features } = translation;
  return portcullis({
    secretKeys: [labKey],
    ...options,
    tokens: { ...options.tokens, ...tokensOf(parts.tokens) },
    passwords: {
      ...options.passwords,
      hashing: { ...options.passwords?.hashing, ...(production ? {} : fastCost) },
      wrapHasher: parts.wrapHasher,
    },
    cookies: { allowInsecure: !production },
    ...(trustedProxies === undefined ? {} : { trustedProxies }),
    ...(limits === "wide" ? { limits: wideLimits(features.map(({ name }) => name)) } : {}),
    // The lab reaches nobody: its settings say whose mail it is, its outboxes keep it.
    mail: { ...options.mail, sender: parts.mailSender, queue: { retryAfter: [100] } },
    sms: { sender: parts.smsSender, queue: { retryAfter: [100] } },
    // A single-page client that the settings name is served elsewhere.
    origins: [...origins, ...(options.spa === undefined ? [] : [options.spa.origin])],
    datastore: parts.datastore,
    routes: { beforeExec: readAnyJson },
    features,
    roles: ["admin", "editor", "author", "simple"],
    permissions: ["full-read", "full-write", "super", "my-write", "admin", "manage-users"],
    // A key is of no use where nobody can make one.
    schemes: [
      ...(features.some(({ name }) => name === "apiKeys") ? [apiKey()] : []),
      ...(digests === undefined ? [] : [digest({ secret: digests.of })]),
    ],
    groups: ["owners"],
    groupCheck: { owners: parts.wrapDecision("group", (user: User) => owners.includes(user.email)) },
    objects: {
      obj: parts.wrapDecision("object", (user: User, id: number) => {
        const owner = ownerOf(id);
        return owner === undefined ? undefined : owner === user.email;
      }),
    },
    clock: parts.clock,
  });
}
