import { type AuditTrail, createAuditTrail, noAuditTrail } from "./audit/trail.ts";
import { createApiKeys } from "./authn/api-keys.ts";
import { createAuthenticator } from "./authn/authenticator.ts";
import { createBagKeeper } from "./authn/bag.ts";
import { activeGate, hookGate } from "./authn/gates.ts";
import { identityAttributes, loginAttribute } from "./authn/identity-attributes.ts";
import { createLimits } from "./authn/limits/limits.ts";
import { memoryLimits } from "./authn/limits/memory.ts";
import { datastoreLimits } from "./authn/limits/store.ts";
import { createPasswordProof } from "./authn/password-proof.ts";
import { createRememberCredentials } from "./authn/remember.ts";
import type { Scheme, SchemeContext, SchemePlan } from "./authn/scheme.ts";
import { basicScheme } from "./authn/schemes/basic.ts";
import { noneScheme } from "./authn/schemes/none.ts";
import { sessionScheme } from "./authn/schemes/session.ts";
import { tokenScheme } from "./authn/schemes/token.ts";
import { createSessions } from "./authn/sessions.ts";
import { createSignIn, type SignIn } from "./authn/sign-in.ts";
import { createTickets } from "./authn/tickets.ts";
import { createTokens, type Tokens } from "./authn/tokens/index.ts";
import { tokenSettings } from "./authn/tokens/options.ts";
import { loginSubjects, rowSubjects } from "./authn/tokens/owner.ts";
import { type CacheName, createCaches, type Uncache } from "./authz/caches.ts";
import { createDecisions } from "./authz/decisions.ts";
import { createRefusals } from "./authz/refusal.ts";
import { createAdministrators } from "./datastore/administrators.ts";
import type { CacheStats } from "./datastore/cache.ts";
import { createCallbackUsers } from "./datastore/callback-users.ts";
import type { Datastore } from "./datastore/contract.ts";
import { noDatastore } from "./datastore/none.ts";
import { openDatastore } from "./datastore/opening.ts";
import { createPasswordHistory } from "./datastore/password-history.ts";
import { createRoles } from "./datastore/roles.ts";
import { createUserTransfer, type UserTransfer } from "./datastore/user-transfer.ts";
import { createUsers, type UserReference } from "./datastore/users.ts";
import { createBackground } from "./events/background.ts";
import { createEventHub } from "./events/events.ts";
import { accountRoutes } from "./features/account-routes.ts";
import { impersonationBanner } from "./features/administration/impersonation.ts";
import { administratorsPermission, checkFeatures, composeSchema, tokenFamilies } from "./features/composition.ts";
import { createDelivery, type Delivery } from "./features/delivery.ts";
import { createDestinations } from "./features/destinations.ts";
import type { EngineContext } from "./features/engine.ts";
import type { Kernel, Services } from "./features/feature.ts";
import { keySets } from "./features/key-set.ts";
import { outboxPage } from "./features/outbox-page/index.ts";
import { placed } from "./features/paths.ts";
import { createAddressReader, trustList } from "./http/address.ts";
import { BODY_LIMITS } from "./http/body.ts";
import { cookieName } from "./http/cookies.ts";
import { createCsrf } from "./http/csrf.ts";
import { pageHeaders } from "./http/headers.ts";
import { createCookieJar } from "./http/jar.ts";
import { createOriginCheck } from "./http/origin.ts";
import { createRedirects } from "./http/redirect.ts";
import type { SecurityRequest } from "./http/request.ts";
import type { ObjectRule, System } from "./http/system.ts";
import { createCatalogues } from "./i18n/languages.ts";
import { type Account, accountFactory } from "./model/account.ts";
import { namedColumns, type OwnColumns } from "./model/column.ts";
import { ConfigurationError, PortcullisError } from "./model/errors.ts";
import type { Table } from "./model/schema.ts";
import { checkOptions, hasSessions, type SecurityOptions } from "./options.ts";
import { wordsOfSite } from "./passwords/checks/words.ts";
import { createHasher } from "./passwords/hasher.ts";
import { createPasswordPolicy } from "./passwords/policy.ts";
import { type AppContext, compileRoute } from "./routes/app.ts";
import { type Answerer, createAnswerer } from "./routes/around/answer.ts";
import { createAround, tracksRequests } from "./routes/around/around.ts";
import { type ErrorContext, errorHandler, errorRenderer } from "./routes/around/errors.ts";
import { aroundSettings } from "./routes/around/options.ts";
import { fromProxy } from "./routes/around/transport.ts";
import { createRouteNames } from "./routes/names.ts";
import { createDescription } from "./routes/openapi/description.ts";
import { openApiSettings } from "./routes/openapi/options.ts";
import { classShapes } from "./routes/parameters/cast.ts";
import { createKeyRing } from "./secrets/keyring.ts";
import type { LabelledCell } from "./views/contract.ts";
import { createPageSender, type PageSender } from "./views/frame.ts";
import { createViews } from "./views/index.ts";

/** The options with all their type parameters left open. */
export type AnyOptions = SecurityOptions<
  string,
  string,
  Readonly<Record<string, ObjectRule>>,
  OwnColumns,
  string,
  object,
  string,
  string
>;

/** A running system's rooms, wired. */
export interface Assembly {
  readonly kernel: Kernel;
  readonly app: AppContext;
  readonly pages: PageSender;
  readonly answer: Answerer;
  readonly delivery: Delivery;
  readonly audit: AuditTrail;
  readonly tokens: Tokens;
  readonly transfer: UserTransfer;
  /** The user as they are now; undefined: gone. */
  again(user: UserReference): Promise<Account | undefined>;
  /** Forgets what is cached of this user, or of everybody, here and in the other processes. */
  invalidate(userId: number | undefined): Promise<void>;
  readonly uncache: Uncache;
  cacheStats(): Readonly<Record<CacheName, CacheStats>>;
  /** Removes sessions, tickets and credentials that are over; done each hour. */
  purge(): Promise<void>;
  close(): Promise<void>;
}

const hour = 3_600_000;

/** Checks the options, opens the datastore and wires the rooms. Leaves nothing open when that fails. */
export async function assemble(options: AnyOptions): Promise<Assembly> {
  const opened: Datastore[] = [];
  try {
    return await wire(options, (datastore) => opened.push(datastore));
  } catch (error) {
    for (const datastore of opened) await datastore.close();
    throw error;
  }
}

async function wire(options: AnyOptions, hold: (datastore: Datastore) => void): Promise<Assembly> {
  const { origins, times, limits: rules } = checkOptions(options);
  const settings = aroundSettings(options, origins);
  if (settings.onError !== undefined && options.handlers?.renderProblem !== undefined) {
    throw new ConfigurationError("handlers.renderProblem", "says the same as routes.onError: leave one of them out");
  }
  const destinations = createDestinations(options.destinations, options.spa, origins);
  const ring = createKeyRing(options.secretKeys);
  const plainHasher = createHasher(options.passwords?.hashing);
  const hasher = options.passwords?.wrapHasher?.(plainHasher) ?? plainHasher;
  const now = options.clock ?? Date.now;
  const log = options.log ?? logLine;
  const policy = createPasswordPolicy(options.passwords?.policy, {
    siteWords: wordsOfSite(options.views?.siteName ?? "", origins),
    formerHashes: ({ id }, last) => history.hashes(id, last),
    verify: async (password, hash) => (await hasher.verify(password, hash)).ok,
    log,
  });
  const catalogues = await createCatalogues(options.languages ?? {}, options.messages ?? {}, log);
  const features = checkFeatures([...(options.features ?? []), ...outboxPage(options.mail, origins)]);
  const views = createViews(options.views, Object.assign({}, ...features.map((feature) => feature.pages ?? {})));
  const schema = composeSchema(options, features);
  const events = createEventHub(log, now);
  const account = accountFactory(options.securityPayload);
  const cookies = createCookieJar({
    secure: options.cookies?.allowInsecure !== true,
    prefix: options.cookies?.prefix ?? "",
  });
  const sessionsEnabled = hasSessions(options);
  /** Filled once the schemes are there, before the first request. */
  const ambient = new Set<string>();
  const realm = options.realm ?? "Login Required";
  const issuing = tokenSettings(options.tokens ?? {}, { ring, origin: origins[0] as string, realm, now, log });
  const tokenCookie = cookieName(`${options.cookies?.prefix ?? ""}${issuing.cookie}`, cookies.secure);
  if (cookies.names.includes(tokenCookie)) {
    throw new ConfigurationError("tokens.cookie", `${issuing.cookie} is another cookie of ours`);
  }
  const csrfOptions = sessionsEnabled ? options.csrf : { schemes: [], ...given(options.csrf) };
  const csrf = createCsrf(ring, csrfOptions ?? {}, createOriginCheck(origins), [...cookies.names, tokenCookie], {
    ambient,
    cookieTokens: options.csrf?.schemes === undefined,
  });
  const readAddress = createAddressReader(options.trustedProxies);
  const origin = origins[0] as string;
  const delivery = await createDelivery({
    mail: options.mail,
    sms: options.sms,
    phone: options.phone,
    features,
    system: { now, log, events, catalogues },
    siteName: views.siteName,
    origin,
  });

  const { datastore: provider } = options;
  const datastore =
    provider === undefined
      ? noDatastore()
      : await openDatastore({ ...options, datastore: provider }, schema, { now, log });
  hold(datastore);
  const caches = createCaches({ options, told: provider !== undefined, datastore, ring, now, log });
  const { invalidate } = caches;

  const audit =
    provider === undefined
      ? noAuditTrail()
      : createAuditTrail({
          datastore,
          ring,
          events,
          now,
          log,
          required: options.audit?.required === true,
          keep: times.audit,
          queue: options.audit?.queue ?? 10_000,
        });
  const adminPermission = administratorsPermission(features);
  const administrators = adminPermission === undefined ? undefined : createAdministrators(adminPermission, now);
  const roles = createRoles({ datastore, now, events, administrators, invalidateAll: () => invalidate(undefined) });
  if (adminPermission !== undefined) await roles.ofPermission(adminPermission);
  for (const name of options.roles ?? []) await roles.findOrCreate(name);
  const history = createPasswordHistory(datastore, policy.remembered, now);
  const limitStore =
    options.limits?.store?.open() ?? (provider === undefined ? memoryLimits(now) : datastoreLimits(datastore));
  const limits = createLimits({ store: limitStore, rules, ring, now, events, log });
  const callbacks =
    provider === undefined
      ? createCallbackUsers({
          getUserPass: options.getUserPass,
          account,
          ring,
          ownFields: Object.keys(options.columns ?? {}),
        })
      : undefined;
  const rowUsers = createUsers({
    datastore,
    unlock: (userId) => limits.unlock(userId),
    async forgetFailures(userId) {
      try {
        await limits.unlock(userId);
      } catch (error) {
        log("the failures that were counted for a user are not forgotten", { error: String(error) });
      }
    },
    roles,
    hasher,
    history,
    account,
    events,
    now,
    invalidate,
    fields: Object.keys(schema.user?.columns ?? {}),
    emailOptional: options.emails === "optional",
    credentialTables: features.flatMap((feature) => feature.credentialTables ?? []),
    accessTables: features.flatMap((feature) => feature.accessTables ?? []),
    administrators,
  });
  const users = callbacks?.users ?? rowUsers;
  const again = callbacks?.again ?? ((user: UserReference) => users.get(typeof user === "number" ? user : user.id));
  const mayImpersonate = (administrator: Account, user: Account): boolean =>
    features.some((feature) => feature.mayImpersonate?.(administrator, user) === true);
  const sessions = createSessions({
    enabled: sessionsEnabled,
    datastore,
    roles,
    cache: caches.session,
    account,
    limits: { idle: times.idle, absolute: times.absolute },
    mayImpersonate,
    now,
    log,
  });
  const tickets = createTickets(datastore, now);
  const proof = createPasswordProof({
    datastore: provider === undefined ? undefined : datastore,
    check: options.passwords?.check,
    users,
    history,
    hasher,
    limits,
    events,
    log,
    attributes:
      callbacks === undefined
        ? identityAttributes(options.identities, schema.user?.columns ?? {}, log)
        : [loginAttribute],
  });

  const paths = new Map<string, string>();
  const names = createRouteNames((name) => paths.get(name));
  const services: Services = {};
  const background = createBackground(log);
  const system: System = {
    now,
    log,
    identify: (rq, schemes) => authenticator.identify(rq, schemes ?? rq.route.authn ?? defaultSchemes),
    challenges: (schemes, own, rq) => authenticator.challenges(schemes, own, rq),
    insufficient: (scheme, scopes) => authenticator.insufficient(scheme, scopes),
    get defaultSchemes() {
      return defaultSchemes;
    },
    decisions: createDecisions({
      objects: new Map(Object.entries(options.objects ?? {})),
      groups: options.groups ?? [],
      groupCheck: options.groupCheck,
      groupCache: caches.group,
      objectCache: caches.object,
    }),
    freshness: { within: times.within, grace: times.grace },
    markFresh: (identity, until) => {
      if (identity.session !== undefined) sessions.extendFreshness(identity.session, until);
    },
    clientAddress: (rq) => readAddress(socketAddress(rq), (name) => rq.header(name)),
    wantsJson: (rq) => options.handlers?.wantsJson?.(rq) ?? rq.negotiatesJson,
    bodyLimits: { ...BODY_LIMITS, ...given(options.body) },
    csrf,
    cookies,
    bag: (rq) => bags.open(rq),
    namedPath: (name, params) => names.path(name, params),
    redirects: createRedirects([...origins, ...(options.redirectOrigins ?? [])]),
    events,
    catalogues,
    visits: tracksRequests(settings) ? new WeakMap() : undefined,
  };
  const base = {
    system,
    datastore,
    users,
    roles,
    hasher,
    policy,
    history,
    limits,
    audit,
    tickets,
    sessions,
    revealAccounts: options.revealAccounts === true,
    emailOptional: options.emails === "optional",
    retypeInJson: options.passwords?.retypeInJson !== false,
    destinations,
    ownColumns: new Map(Object.entries(namedColumns(options.columns ?? {}))),
    declaredRoles: new Set(options.roles ?? []),
    declaredPermissions: new Set(options.permissions ?? []),
    declaredScopes: new Set(options.scopes ?? []),
    features: new Set(features.map(({ name }) => name)),
    services,
    path: (name: string) => paths.get(name),
    invalidate,
    background: background.run,
    mail: delivery.mail,
    sms: delivery.sms,
    phones: delivery.phones,
    origin,
    async waysToSignIn(rq: SecurityRequest, user: Account) {
      const all: LabelledCell[] = [];
      for (const feature of features) all.push(...((await feature.waysToSignIn?.(base, rq, user)) ?? []));
      return all;
    },
    link: (name: string, token?: string) => {
      const path = paths.get(name);
      if (path === undefined) throw new PortcullisError("no_endpoint", `there is no page "${name}" to link to`);
      return `${origin}${token === undefined ? path : path.replace(":token", () => encodeURIComponent(token))}`;
    },
  };
  const families = tokenFamilies(features, { ...base, ring, tokenLife: issuing.life });
  if (families !== undefined && issuing.type === "fsa") {
    throw new ConfigurationError(
      "tokens.type",
      '"fsa" tokens have no room for what the feature refresh needs; take "opaque" or "jwt"',
    );
  }
  const tokens = createTokens({
    ring,
    settings: issuing,
    realm,
    cookie: tokenCookie,
    users,
    lookup: callbacks === undefined ? rowUsers.lookup : (attribute, value) => users.find(attribute, value),
    subjects: callbacks === undefined ? rowSubjects(rowUsers) : loginSubjects(callbacks.byLogin),
    again,
    cache: caches.token,
    scopes: new Set(options.scopes ?? []),
    now,
    absolute: times.absolute,
    families,
    signIn: () => signIn,
  });
  const signIn: SignIn = createSignIn({
    datastore,
    users,
    sessions,
    remember: createRememberCredentials(datastore, times.remember),
    tickets,
    limits,
    tokens,
    families,
    gates: [activeGate, hookGate, ...features.flatMap((feature) => feature.gates?.(base) ?? [])],
    signedIn: features.flatMap((feature) => feature.signedIn ?? []),
    pendingLife: times.pending,
    mayImpersonate,
  });
  const bags = createBagKeeper({ datastore, sessions, ring });
  const keySettings = features.find((feature) => feature.apiKeys !== undefined)?.apiKeys;
  const apiKeys =
    keySettings === undefined
      ? undefined
      : createApiKeys({
          settings: keySettings,
          datastore,
          users,
          cache: caches.apiKey,
          limits,
          events,
          signIn: () => signIn,
          invalidate,
          now,
          log,
        });
  if (apiKeys !== undefined && options.schemes?.some(({ name }) => name === "apiKey") !== true) {
    throw new ConfigurationError("schemes", "add apiKey(): without it no route could take the keys of apiKeys()");
  }
  const schemeContext: SchemeContext = {
    ring,
    users,
    proof,
    signIn,
    tokens,
    passwords: caches.password,
    sharedPasswords: caches.sharedPasswords,
    apiKeys,
    realm,
    origins,
    now,
    peer: socketAddress,
    trusted:
      Array.isArray(options.trustedProxies) && options.trustedProxies.length > 0
        ? trustList(options.trustedProxies)
        : undefined,
    behindProxies: options.trustedProxies !== undefined,
  };
  const schemes: readonly Scheme[] = [
    tokenScheme(tokens),
    ...(sessionsEnabled ? [sessionScheme(sessions, signIn)] : []),
    basicScheme(schemeContext),
    noneScheme,
    ...(options.schemes ?? []).map((scheme) => (isPlan(scheme) ? scheme.make(schemeContext) : scheme)),
  ];
  for (const scheme of schemes) if (scheme.ambient === true) ambient.add(scheme.name);
  const authenticator = createAuthenticator(schemes, realm);
  checkSchemeNames(authenticator.names);
  const defaultSchemes = Object.freeze([...(options.authn ?? (sessionsEnabled ? ["token", "session"] : ["token"]))]);
  authenticator.check(defaultSchemes, "authn");
  authenticator.check([...csrf.schemes], "csrf.schemes");

  for (const feature of features) feature.start?.(base);
  const kernel: Kernel = { ...base, signIn, bags, proof, apiKeys, families };
  Object.assign(services, ...features.map((feature) => feature.services?.(kernel) ?? {}));
  const endpoints = placed(
    features.flatMap((feature) =>
      (feature.endpoints?.(kernel) ?? []).map((endpoint) => ({ feature: feature.name, endpoint })),
    ),
    options,
  );
  for (const { endpoint } of endpoints) paths.set(endpoint.name, endpoint.path);
  for (const name of Object.keys(options.limits?.endpoints ?? {})) {
    if (!paths.has(name)) {
      const known = [...paths.keys()].join(", ");
      throw new ConfigurationError(`limits.endpoints.${name}`, `there is no such page; those that are on: ${known}`);
    }
  }

  const onError = errorRenderer(settings.onError);
  const pages = createPageSender(views, options.prefix ?? "", pageHeaders(origins), (rq) =>
    impersonationBanner(rq, paths.get("end_impersonation")),
  );
  const refusals = createRefusals({
    pages,
    handlers: { ...options.handlers, ...(onError === undefined ? {} : { renderProblem: onError }) },
    oneFormat: settings.onError !== undefined,
    notFoundStatus: settings.notFoundStatus,
    paths: {
      login: settings.signInPage ?? paths.get("login"),
      returnParameter: settings.returnParameter,
      verify: paths.get("verify"),
      afterSignIn: base.destinations.afterSignIn,
      unauthorized: options.destinations?.unauthorized,
    },
    flash: (rq, category, text) => bags.open(rq).flash(category, text),
    reauthenticationWays: () => ({
      has_webauthn_verify_credential: false,
      oauth_enabled: false,
      oauth_providers: [],
      unified_signin_enabled: false,
    }),
  });
  const errorContext: ErrorContext = { system, refusals, bags, internalStatus: settings.internalStatus };
  const engine: EngineContext = { system, refusals, bags, pages, limits, headLinks: () => [] };

  const purge = async (): Promise<void> => {
    const at = now();
    if (provider === undefined) {
      await limits.purge();
      return;
    }
    await datastore.delete("session", { expiresAt: { lt: at } });
    await datastore.delete("session", { lastSeenAt: { lt: at - times.idle } });
    await datastore.delete("remember", { expiresAt: { lt: at } });
    await tickets.purge();
    for (const feature of features) await feature.purge?.(kernel);
    await families?.purge();
    await limits.purge();
    await audit.prune();
  };
  const timer = setInterval(() => {
    purge().catch((error: unknown) => log("purging failed", { error: String(error) }));
  }, hour);
  timer.unref();

  const declaration = {
    system,
    authenticator,
    classes: classShapes(options.casts),
    names,
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
  const accounts = accountRoutes(engine, endpoints, keySets(issuing.keys));
  const description = createDescription({
    system,
    refusals,
    bags,
    authenticator,
    pages,
    settings: options.openapi === undefined ? undefined : openApiSettings(options.openapi),
    origins,
    ownErrors: {
      application: onError !== undefined || options.handlers?.renderProblem !== undefined,
      account: options.handlers?.renderJson !== undefined,
    },
    taken: accounts.records.map(({ path }) => path),
    compile: (path, authz) => compileRoute(declaration, "openapi", "GET", path, { authz }),
  });

  return {
    kernel,
    pages,
    answer: createAnswerer(settings, log),
    delivery: {
      ...delivery,
      async idle() {
        // What is still at work may have something to send.
        await background.settled();
        await delivery.idle();
      },
    },
    audit,
    tokens,
    transfer: createUserTransfer({
      datastore,
      history,
      remembersPasswords: policy.remembered > 0,
      roles,
      events,
      now,
      table: schema.user as Table,
      own: Object.keys(options.columns ?? {}),
    }),
    again,
    app: {
      ...declaration,
      refusals,
      bags,
      accounts,
      description,
      around: createAround(settings, { ...errorContext, origins, fromProxy: fromProxy(options.trustedProxies) }),
      beforeExec: settings.beforeExec,
      pathRule: settings.pathRule,
      onError: settings.keepErrors ? undefined : errorHandler(errorContext),
    },
    invalidate,
    uncache: caches.uncache(tokens, callbacks?.idOf),
    cacheStats: caches.stats,
    purge,
    async close() {
      clearInterval(timer);
      await background.settled();
      await delivery.close();
      await policy.close();
      await options.passwords?.check?.close?.();
      await hasher.close();
      await audit.close();
      await datastore.close();
    },
  };
}

/** What is said as undefined is left out: it must not take the place of a default. */
function given<T extends object>(options: T | undefined): Partial<T> {
  return Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** One JSON line on standard error. */
function logLine(message: string, details: Readonly<Record<string, unknown>> = {}): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), message, ...details })}\n`);
}

/** The address of the connection, as the Node host hands it on. */
function socketAddress(rq: SecurityRequest): string | undefined {
  const env = rq.context?.env as { incoming?: { socket?: { remoteAddress?: string } } } | undefined;
  return env?.incoming?.socket?.remoteAddress;
}

function isPlan(scheme: Scheme | SchemePlan): scheme is SchemePlan {
  return "make" in scheme;
}

function checkSchemeNames(names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new ConfigurationError("schemes", `there are two schemes "${twice}"`);
}
