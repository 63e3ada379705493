/** The lab: one black-box server for every test from outside. Never part of the package. */
import { ConfigurationError, DatastoreError, outbox, smsOutbox } from "portcullis";
import { type RunningServer, serve } from "portcullis/node";
import { readArguments, UsageError } from "./arguments.ts";
import { shiftedClock } from "./clock.ts";
import { controlApp } from "./control.ts";
import { databaseOf, watched } from "./database.ts";
import { digestSecrets } from "./digest.ts";
import { createFaults } from "./faults.ts";
import { plant } from "./fixture.ts";
import { sampleApp } from "./routes.ts";
import { readSettings } from "./settings.ts";
import { type LabSecurity, startSystem } from "./system.ts";
import { auditedSince, recordEvents, recordLog } from "./trail.ts";
import { userRows } from "./users.ts";

/** Longest time that requests in flight get at the end, in milliseconds. */
const grace = 1000;

const log = recordLog();
let server: RunningServer | undefined;
let security: LabSecurity | undefined;

async function start(): Promise<void> {
  const args = readArguments(process.argv.slice(2));
  const { translation, limits, tokens, digest, trustedProxies, origins } = readSettings(args);
  const clock = shiftedClock();
  const faults = createFaults();
  const digests = digestSecrets();
  const mails = outbox({ kept: 10_000 });
  const texts = smsOutbox({ kept: 10_000 });
  const database = watched(databaseOf(args.database));
  type Fetch = (request: Request, env?: object) => Response | Promise<Response>;
  const answering = Promise.withResolvers<Fetch>();

  // The origin has the port, which only the listening server knows.
  let fetch: Fetch = async (request, env) => (await answering.promise)(request, env);
  server = await serve({ fetch: (request, env) => fetch(request, env) }, { port: args.port, hostname: "127.0.0.1" });
  const { url } = server;
  // What the system does by itself, such as looking for what is to be sent, takes no fault that is meant for a request.
  const running = await faults.exempt(() =>
    startSystem({
      translation,
      limits,
      tokens,
      digests: digest ? digests : undefined,
      trustedProxies,
      datastore: faults.datastore(database.provider),
      origins: origins ?? [url],
      production: args.production,
      clock: clock.now,
      wrapHasher: faults.hasher,
      wrapDecision: faults.decision,
      mailSender: faults.mail(mails),
      smsSender: faults.sms(texts),
    }),
  );
  security = running;
  if (database.opened().wasEmpty) await plant(running, args.seed, clock.now(), digests.keep);
  for (const name of ["passwordChanged", "passwordReset"] as const) {
    running.events.on(name, ({ user }) => digests.forget(user.email));
  }

  const app = sampleApp(running, {
    sessions: translation.options.sessions?.enabled !== false,
    keys: translation.features.some(({ name }) => name === "apiKeys"),
    digest,
  });
  const entries = await auditedSince(running.audit);
  const control = controlApp({
    clock,
    faults,
    log,
    events: recordEvents(running.events),
    mails,
    texts,
    delivered: () => running.delivery.idle(),
    stored: () => running.audit.flush(),
    entries,
    users: userRows(running, database.opened(), clock.now, digests.keep),
    routes: () => app.accessMatrix(),
    openapi: () => app.openapi(),
  });
  fetch = (request, env) => {
    const isControl = /^\/_lab(?:\/|$)/.test(new URL(request.url).pathname);
    return isControl ? control.fetch(request, env) : app.fetch(request, env);
  };
  answering.resolve(fetch);
  process.stdout.write(`lab ready ${url}\n`);
}

/** Ends the lab with this status, whatever still hangs. */
async function end(status: number): Promise<never> {
  setTimeout(() => process.exit(status), grace + 500).unref();
  setTimeout(() => (server?.server as { closeAllConnections?: () => void })?.closeAllConnections?.(), grace).unref();
  await server?.close().catch(() => {});
  await security?.close().catch(() => {});
  process.exit(status);
}

for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void end(0));

try {
  await start();
} catch (error) {
  const usage = error instanceof UsageError || error instanceof ConfigurationError;
  const known = usage || error instanceof DatastoreError;
  console.error(known ? `lab: ${error.message}` : error);
  await end(usage ? 2 : 1);
}
