import { wireAccounts } from "./assembly/accounts.ts";
import { wireCredentials } from "./assembly/credentials.ts";
import { declarationContext } from "./assembly/declaration.ts";
import { createFeatureKernel } from "./assembly/kernel.ts";
import { wireSchemes } from "./assembly/schemes.ts";
import { startUpkeep } from "./assembly/upkeep.ts";
import type { AuditTrail } from "./audit/trail.ts";
import { createBagKeeper } from "./authn/bag.ts";
import { clientNetwork } from "./authn/limits/network.ts";
import { hasSessions } from "./authn/session-options.ts";
import { createSessions } from "./authn/sessions.ts";
import { createTickets } from "./authn/tickets.ts";
import type { Tokens } from "./authn/tokens/index.ts";
import { DEFAULT_TOKEN_HEADER, tokenSettings } from "./authn/tokens/options.ts";
import { createActing } from "./authz/acting.ts";
import { type CacheName, createCaches, type Uncache } from "./authz/caches.ts";
import { createDecisions } from "./authz/decisions.ts";
import { createRefusals } from "./authz/refusal.ts";
import type { CacheStats } from "./datastore/cache.ts";
import type { Datastore } from "./datastore/contract.ts";
import { noDatastore } from "./datastore/none.ts";
import { openDatastore } from "./datastore/opening.ts";
import type { UserReference } from "./datastore/user-reference.ts";
import { createUserTransfer, type UserTransfer } from "./datastore/user-transfer.ts";
import { createBackground } from "./events/background.ts";
import { createEventHub } from "./events/events.ts";
import { accountRoutes } from "./features/account-routes.ts";
import { impersonationBanner } from "./features/administration/impersonation.ts";
import { createBrowserMark } from "./features/browser-mark.ts";
import { checkFeatures, composeSchema, joinServices } from "./features/composition.ts";
import { createDelivery, type Delivery } from "./features/delivery.ts";
import { createDestinations } from "./features/destinations.ts";
import type { Kernel, Services } from "./features/feature.ts";
import type { EngineContext } from "./features/form-page.ts";
import { keySets } from "./features/key-set.ts";
import { outboxPage } from "./features/outbox-page/index.ts";
import { type ReadOwnValues, readOwnValues } from "./features/own-fields.ts";
import { headSignOut } from "./features/passwords/sign-out.ts";
import { checkLimitedEndpoints, placed } from "./features/paths.ts";
import { createFormNames } from "./features/shown-for.ts";
import { createAddressReader } from "./http/address.ts";
import { ACCOUNT_BYTES, BODY_LIMITS } from "./http/body-limits.ts";
import { cookieName } from "./http/cookies.ts";
import { createCredentialWatch } from "./http/credential-watch.ts";
import { createCsrf, csrfHeaders, isDefaultSchemes } from "./http/csrf.ts";
import { pageHeaders } from "./http/headers.ts";
import { createCookieJar, hasSecureCookies } from "./http/jar.ts";
import { createOriginCheck } from "./http/origin.ts";
import { createProxyWatch } from "./http/proxy-watch.ts";
import { createRedirects } from "./http/redirect.ts";
import type { System } from "./http/system.ts";
import { createCatalogues } from "./i18n/languages.ts";
import { type Account, accountFactory } from "./model/account.ts";
import { commandLine } from "./model/command-line.ts";
import { ConfigurationError } from "./model/errors.ts";
import { given } from "./model/option-kinds.ts";
import type { Table } from "./model/schema.ts";
import { type AnyOptions, checkOptions } from "./options.ts";
import { wordsOfSite } from "./passwords/checks/words.ts";
import { createHasher } from "./passwords/hasher.ts";
import { createPasswordPolicy } from "./passwords/policy.ts";
import type { AppContext } from "./routes/app.ts";
import { type Answerer, createAnswerer } from "./routes/around/answer.ts";
import { createAround, tracksRequests } from "./routes/around/around.ts";
import { type ErrorContext, errorHandler, errorRenderer } from "./routes/around/errors.ts";
import { aroundSettings, checkSignInPage } from "./routes/around/options.ts";
import { fromProxy } from "./routes/around/transport.ts";
import { compileRoute } from "./routes/declaration.ts";
import { createRouteNames } from "./routes/names.ts";
import { createDescription } from "./routes/openapi/description.ts";
import { openApiSettings } from "./routes/openapi/options.ts";
import { createKeyRing } from "./secrets/keyring.ts";
import { createPageSender, type PageSender } from "./views/frame.ts";
import { createViews } from "./views/index.ts";

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
  /** What texts come to as a new user's own columns. */
  ownValues(texts: Readonly<Record<string, string>>): ReadOwnValues;
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
  const settings = aroundSettings(options, origins, [
    ...csrfHeaders(options.csrf),
    options.tokens?.header ?? DEFAULT_TOKEN_HEADER,
  ]);
  if (settings.onError !== undefined && options.handlers?.renderProblem !== undefined) {
    throw new ConfigurationError("handlers.renderProblem", "says the same as routes.onError: leave one of them out");
  }
  const destinations = createDestinations(options.destinations, options.spa, origins);
  const ring = createKeyRing(options.secretKeys);
  const plainHasher = createHasher(options.passwords?.hashing);
  const hasher = options.passwords?.wrapHasher?.(plainHasher) ?? plainHasher;
  const now = options.clock ?? Date.now;
  const log = options.log ?? logLine;
  const features = checkFeatures([...(options.features ?? []), ...outboxPage(options.mail, origins)]);
  const views = createViews(options.views, Object.assign({}, ...features.map((feature) => feature.pages ?? {})));
  const policy = createPasswordPolicy(options.passwords?.policy, {
    siteWords: wordsOfSite(views.siteName, origins),
    formerHashes: ({ id }, last) => history.hashes(id, last),
    verify: async (password, hash) => (await hasher.verify(password, hash)).ok,
    log,
    deadline: times.deadline,
  });
  const catalogues = await createCatalogues(options.languages ?? {}, options.messages ?? {}, log);
  const schema = composeSchema(options, features);
  const events = createEventHub(log, now, times.deadline);
  const account = accountFactory(options.securityPayload, schema.user?.columns);
  const allowInsecure = options.cookies?.allowInsecure;
  const cookies = createCookieJar({
    secure: hasSecureCookies(origins, allowInsecure),
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
  const unsaid = !sessionsEnabled && isDefaultSchemes(options.csrf?.schemes);
  const csrfOptions = { ...given(options.csrf), ...(unsaid ? { schemes: [] } : {}) };
  const csrf = createCsrf(ring, csrfOptions, createOriginCheck(origins), [...cookies.names, tokenCookie], {
    ambient,
    cookieTokens: options.csrf?.schemes === undefined || options.csrf.schemes.includes("session"),
  });
  const proxyWatch = createProxyWatch({
    log,
    suspected: (peer) => events.emit("undeclaredProxy", { peer }),
    declared: options.trustedProxies !== undefined,
  });
  events.on("limitReached", ({ limit, address }) => {
    if (address !== undefined && limit.endsWith(".perAddress")) proxyWatch.refused(address);
  });
  const credentials = createCredentialWatch({ log, now });
  const readAddress = createAddressReader(options.trustedProxies, proxyWatch);
  const origin = origins[0] as string;
  const { datastore: provider } = options;
  const { datastore, prepare } =
    provider === undefined
      ? { datastore: noDatastore(), prepare: async () => {} }
      : await openDatastore({ ...options, datastore: provider }, schema, { now, log });
  hold(datastore);
  const delivery = await createDelivery({
    mail: options.mail,
    sms: options.sms,
    phone: options.phone,
    features,
    system: { now, log, events, catalogues },
    siteName: views.siteName,
    theme: views.theme,
    origin,
    store: provider === undefined ? undefined : { datastore, ring },
    accountOf: async (id) => (provider === undefined ? undefined : users.get(id)),
  });

  const undeliverable = (address: string): string | undefined =>
    delivery.mail.reaches(address) ? undefined : catalogues.default.text("EMAIL_NOT_DELIVERABLE");
  const caches = createCaches({ options, told: provider !== undefined, datastore, ring, now, log });

  const mayImpersonate = (administrator: Account, user: Account): boolean =>
    features.some((feature) => feature.mayImpersonate?.(administrator, user) === true);
  const stored = wireAccounts(options, {
    features,
    schema,
    datastore,
    hasher,
    policy,
    account,
    ring,
    events,
    times,
    rules,
    now,
    log,
    invalidate: caches.changed,
    undeliverable,
    told: (why) => credentials.refused("password", { why }),
    failed(user, rq) {
      if (rq === undefined) return;
      const from = clientNetwork(rq);
      caches.password.dropWhere(user.id, ({ network }) => network === from);
    },
  });
  const { audit, roles, history, limits, callbacks, rowUsers, changing, users, again, proof } = stored;
  const sessions = createSessions({
    enabled: sessionsEnabled,
    datastore,
    changing,
    roles,
    cache: caches.session,
    account,
    limits: { idle: times.idle, absolute: times.absolute },
    mayImpersonate,
    mayActOn: (administrator, user) => system.acting.mayActOn(administrator, user),
    now,
    log,
  });
  const tickets = createTickets(datastore, now);

  const paths = new Map<string, string>();
  const names = createRouteNames((name) => paths.get(name));
  const services: Services = {};
  const background = createBackground(log, events.later);
  const decisions = createDecisions({
    objects: new Map(Object.entries(options.objects ?? {})),
    groups: options.groups ?? [],
    groupCheck: options.groupCheck,
    groupCache: caches.group,
    objectCache: caches.object,
    deadline: times.deadline,
  });
  const system: System = {
    now,
    log,
    identify: (rq, schemes) => authenticator.identify(rq, schemes ?? rq.route.authn ?? defaultSchemes),
    challenges: (schemes, own, rq) => authenticator.challenges(schemes, own, rq),
    keptByBrowsers: (schemes) => authenticator.keptByBrowsers(schemes, system),
    insufficient: (scheme, scopes) => authenticator.insufficient(scheme, scopes),
    get defaultSchemes() {
      return defaultSchemes;
    },
    decisions,
    acting: createActing({
      groups: options.groups ?? [],
      decisions,
      rule: options.manages,
      log,
      deadline: times.deadline,
    }),
    deadline: times.deadline,
    hookDeadline: times.hookDeadline,
    freshness: { within: times.within, grace: times.grace },
    markFresh: (identity, until) => {
      if (identity.session !== undefined) sessions.extendFreshness(identity.session, until);
    },
    credentials,
    clientAddress: (rq) => readAddress(rq.peer, (name) => rq.header(name)),
    wantsJson: (rq) => options.handlers?.wantsJson?.(rq) ?? rq.negotiatesJson,
    bodyLimits: { ...BODY_LIMITS, ...given(options.body) },
    accountBytes: options.body?.accountBytes ?? ACCOUNT_BYTES,
    csrf,
    formNames: createFormNames(ring),
    cookies,
    bag: (rq) => bags.open(rq),
    namedPath: (name, params, own) => names.path(name, params, own),
    redirects: createRedirects([...origins, ...(options.redirectOrigins ?? [])]),
    events,
    catalogues,
    visits: tracksRequests(settings) ? new WeakMap() : undefined,
  };
  const base = createFeatureKernel(options, {
    system,
    features,
    datastore,
    changing,
    users,
    roles,
    hasher,
    policy,
    history,
    limits,
    audit,
    tickets,
    sessions,
    destinations,
    services,
    paths,
    background: background.run,
    delivery,
    origin,
  });
  const { families, tokens, signIn, apiKeys } = wireCredentials(options, {
    base,
    features,
    ring,
    issuing,
    realm,
    tokenCookie,
    caches,
    callbacks,
    rowUsers,
    again,
    times,
    mayImpersonate,
  });
  const bags = createBagKeeper({ datastore, sessions, ring });
  const { authenticator, defaultSchemes, ...wired } = wireSchemes(options, {
    ring,
    users,
    proof,
    signIn,
    tokens,
    sessions,
    apiKeys,
    realm,
    origins,
    now,
    deadline: times.deadline,
    passwords: caches.password,
    sharedPasswords: caches.sharedPasswords,
  });
  for (const name of wired.ambient) ambient.add(name);
  authenticator.check([...csrf.schemes], "csrf.schemes");
  checkSignInPage(settings, system);

  for (const feature of features) feature.start?.(base);
  const browserMark = createBrowserMark(
    ring,
    features.flatMap(({ linkLife }) => linkLife ?? []),
  );
  const kernel: Kernel = { ...base, signIn, bags, browserMark, proof, apiKeys, families };
  Object.assign(
    services,
    joinServices(
      features.map((feature) => ({ feature: feature.name, part: feature.services?.(kernel) ?? ({} as Services) })),
    ),
  );
  const endpoints = placed(
    features.flatMap((feature) =>
      (feature.endpoints?.(kernel) ?? []).map((endpoint) => ({ feature: feature.name, endpoint })),
    ),
    options,
  );
  for (const { endpoint } of endpoints) paths.set(endpoint.name, endpoint.path);
  checkLimitedEndpoints(options.limits?.endpoints ?? {}, paths);

  const onError = errorRenderer(settings.onError);
  const pages = createPageSender(views, options.prefix ?? "", pageHeaders(origins), (rq) => ({
    banner: impersonationBanner(rq, paths.get("end_impersonation")),
    signOut: headSignOut(rq, paths.get("logout")),
  }));
  const refusals = createRefusals({
    pages,
    handlers: { ...options.handlers, ...(onError === undefined ? {} : { renderProblem: onError }) },
    oneFormat: settings.onError !== undefined,
    notFoundStatus: settings.notFoundStatus,
    paths: {
      login: settings.signInPage ?? paths.get("login"),
      ownLogin: settings.signInPage !== undefined,
      returnParameter: settings.returnParameter,
      verify: paths.get("verify"),
      afterSignIn: base.destinations.afterSignIn,
      unauthorized: options.destinations?.unauthorized,
    },
    flash: (rq, category, text) => bags.open(rq).flash(category, text),
    flashWaits: (rq) => bags.open(rq).flashWaits,
    reauthenticationWays: () => ({
      has_webauthn_verify_credential: false,
      oauth_enabled: false,
      oauth_providers: [],
      unified_signin_enabled: false,
    }),
  });
  const errorContext: ErrorContext = { system, refusals, bags, internalStatus: settings.internalStatus };
  const engine: EngineContext = { system, refusals, bags, pages, limits, headLinks: () => [] };

  const declaration = declarationContext(options, { system, authenticator, refusals, names, issuing });
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

  // Last of all: the database is changed for a configuration that is right.
  await prepare();
  await stored.begin();
  // A command that only looks at the program starts it too, and nobody signs in then.
  if (allowInsecure === undefined && !cookies.secure && commandLine() === undefined) {
    log("cookies go without Secure and __Host-, as every origin is plain HTTP on this machine", { origins });
  }
  // A command sends what it has written itself and nothing else.
  delivery.start(commandLine() !== undefined);
  const upkeep = startUpkeep({ kernel, features, audit, delivery, stored: provider !== undefined, idle: times.idle });

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
      undeliverable,
    }),
    again,
    ownValues: (texts) => readOwnValues(kernel, features, texts),
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
    invalidate: caches.invalidate,
    uncache: caches.uncache(tokens, callbacks?.idOf),
    cacheStats: caches.stats,
    purge: upkeep.purge,
    async close() {
      upkeep.stop();
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

/** One JSON line on standard error. */
function logLine(message: string, details: Readonly<Record<string, unknown>> = {}): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), message, ...details })}\n`);
}
