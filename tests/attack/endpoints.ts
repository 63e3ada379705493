/** The catalogue's logical endpoints, found in the server's own route table: a renamed path never voids an attack. */
import type { Route } from "./lab.ts";

/** A logical endpoint or ability of the catalogue. */
export type Endpoint =
  | "LOGIN"
  | "LOGOUT"
  | "REGISTER"
  | "VERIFY"
  | "CONFIRM"
  | "CONFIRM-SEND"
  | "RECOVER"
  | "RESET"
  | "CHANGE-PW"
  | "CHANGE-EMAIL"
  | "CHANGE-EMAIL-CONFIRM"
  | "CHANGE-UNAME"
  | "UNAME-RECOVER"
  | "UNLOCK"
  | "PWLESS-SEND"
  | "PWLESS"
  | "TF-SETUP"
  | "TF-SELECT"
  | "TF-VALIDATE"
  | "TF-RESCUE"
  | "US-SIGNIN"
  | "US-SEND"
  | "US-SETUP"
  | "US-VERIFY"
  | "WAN-REG"
  | "WAN-LOGIN"
  | "WAN-LOGIN-OPT"
  | "WAN-VERIFY"
  | "WAN-DEL"
  | "RC-LIST"
  | "OAUTH-START"
  | "OAUTH-CB"
  | "REFRESH"
  | "KEY-NEW"
  | "KEYED"
  | "SESSIONS"
  | "USERS"
  | "ADMIN-PAGES"
  | "ME"
  | "ME-CHANGE"
  | "BASIC"
  | "DIGEST"
  | "JWT"
  | "USERNAME";

interface Place {
  /** What the path looks like, behind the account system's prefix. */
  readonly path: RegExp;
  readonly method?: string;
  /** Further conditions. */
  readonly where?: (route: Route) => boolean;
}

const account = (path: RegExp, method?: string): Place => ({
  path,
  where: ({ source }) => source !== "application",
  ...(method === undefined ? {} : { method }),
});

/** Where the logical endpoints are; the names of parameters do not matter. */
const places: Readonly<Record<Endpoint, Place>> = {
  LOGIN: account(/\/login$/, "POST"),
  LOGOUT: account(/\/logout$/, "POST"),
  REGISTER: account(/\/register$/, "POST"),
  VERIFY: account(/\/verify$/, "POST"),
  CONFIRM: account(/\/confirm\/:\w+$/),
  "CONFIRM-SEND": account(/\/confirm$/, "POST"),
  RECOVER: account(/\/(?:reset|recover)$/, "POST"),
  RESET: account(/\/reset\/:\w+$/),
  "CHANGE-PW": account(/\/change(?:-password)?$/, "POST"),
  "CHANGE-EMAIL": account(/\/change-email$/, "POST"),
  "CHANGE-EMAIL-CONFIRM": account(/\/change-email(?:-confirm)?\/:\w+$/),
  "CHANGE-UNAME": account(/\/change-username$/, "POST"),
  "UNAME-RECOVER": account(/\/(?:recover-username|username-recovery)$/, "POST"),
  UNLOCK: account(/\/unlock\/:\w+$/),
  "PWLESS-SEND": account(/\/(?:login\/(?:link|send)|passwordless|signin-link|login-link)$/, "POST"),
  PWLESS: account(/\/(?:login|passwordless|signin-link)\/:token$/),
  "TF-SETUP": account(/\/tf-setup$/),
  "TF-SELECT": account(/\/tf-select$/),
  "TF-VALIDATE": account(/\/tf-validate$/),
  "TF-RESCUE": account(/\/tf-rescue$/),
  "US-SIGNIN": account(/\/us-signin$/),
  "US-SEND": account(/\/us-signin\/send-code$/),
  "US-SETUP": account(/\/us-setup$/),
  "US-VERIFY": account(/\/us-verify(?:\/send-code)?$/),
  "WAN-REG": account(/\/wan-register$/),
  "WAN-LOGIN": account(/\/wan-signin\/:\w+$/),
  "WAN-LOGIN-OPT": account(/\/wan-signin$/),
  "WAN-VERIFY": account(/\/wan-verify$/),
  "WAN-DEL": account(/\/wan-delete$/),
  "RC-LIST": account(/\/(?:mf-)?recovery-codes$/),
  "OAUTH-START": account(/\/(?:login\/)?oauth-?start\/:\w+$/),
  "OAUTH-CB": account(/\/(?:login\/)?oauth-?response\/:\w+$/),
  REFRESH: account(/\/(?:refresh|token\/refresh|refresh-token)$/),
  "KEY-NEW": account(/\/user\/key$/, "POST"),
  KEYED: { path: /^\/keyed$/ },
  SESSIONS: account(/^(?!\/administration\/).*\/sessions$/, "GET"),
  USERS: account(/^(?!\/administration\/).*\/users$/),
  "ADMIN-PAGES": account(/^\/administration\/users$/),
  ME: { path: /^\/me$/ },
  "ME-CHANGE": { path: /^\/me$/, where: ({ method }) => method === "PATCH" || method === "PUT" },
  BASIC: { path: /^\/http$/, where: ({ schemes }) => schemes.includes("basic") },
  DIGEST: { path: /./, where: ({ schemes }) => schemes.includes("digest") },
  JWT: { path: /./, where: ({ schemes }) => schemes.includes("jwt") },
  USERNAME: {
    path: /\/register$/,
    where: ({ parameters }) => parameters.some((parameter) => /^username\b/.test(parameter)),
  },
};

/** Account routes that carry no attack of their own. */
const helpers: readonly RegExp[] = [
  /\.css$/,
  /\/\.well-known\/jwks\.json$/,
  // Played beside SESSIONS, and by the tests of these features.
  /\/sessions\/end(?:-others)?$/,
  /\/(?:delete-account|export-account)$/,
  /\/(?:delete-account|keep-account|not-me|unlock)\/:token$/,
  /\/unlock$/,
  // Played beside ADMIN-PAGES.
  /^\/administration(?:\/|$)/,
  // Played beside USERS and KEY-NEW, and by the tests of these features.
  /\/api\/user(?:\/(?:login|logout|password|key\/:id|users\/:id(?:\/.+)?))?$/,
];

/** The path of a logical endpoint, or undefined where its feature is off. */
export function pathOf(routes: readonly Route[], endpoint: Endpoint): string | undefined {
  const place: Place = places[endpoint];
  return routes.find(
    (route) =>
      place.path.test(route.path) &&
      (place.method === undefined || place.method === route.method) &&
      (place.where === undefined || place.where(route)),
  )?.path;
}

/** Account routes that no logical endpoint stands for: attacks would pass them by. */
export function unknownRoutes(routes: readonly Route[]): readonly string[] {
  return routes
    .filter(({ source }) => source !== "application")
    .filter(({ path }) => !helpers.some((helper) => helper.test(path)))
    .filter(({ path }) => !Object.values(places).some((place: Place) => place.path.test(path)))
    .map(({ method, path }) => `${method} ${path}`);
}

/** Whether a word of the catalogue is a logical endpoint. */
export function isEndpoint(word: string): word is Endpoint {
  return Object.hasOwn(places, word);
}
