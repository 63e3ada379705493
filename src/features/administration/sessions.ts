import { endDevice } from "../../authn/ending.ts";
import type { SessionKey } from "../../authn/sessions.ts";
import { unlessWithdrawn } from "../../datastore/held-account.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { Session } from "../../model/session.ts";
import type { CellView, SectionView, TableView } from "../../views/contract.ts";
import { done, type Endpoint, refused } from "../endpoint.ts";
import type { Fault } from "../fields.ts";
import { deviceOf } from "../sessions/device.ts";
import { pagerLinks, readCursor } from "./filters.ts";
import { type Administration, changingPage, namesOf, pathOf, showing, text, time, userCell } from "./pages.ts";
import { methodName } from "./words.ts";

/** What a list of sessions shows. */
interface SessionList {
  readonly faults: Readonly<Record<string, readonly Fault[]>>;
  readonly sessions: readonly Session[];
  readonly names: ReadonlyMap<number, string>;
  readonly isFirst: boolean;
  readonly next: string | undefined;
}

/** `/admin/sessions`: who is signed in, those that end last first; `/admin/sessions/:session/end` ends one. */
export function sessionPages(admin: Administration): readonly Endpoint[] {
  const { kernel } = admin;
  const list = showing<SessionList>(admin, {
    name: "admin_sessions",
    path: `${admin.path}/sessions`,
    page: "adminSessions",
    title: "ADMIN_SESSIONS",
    async read(rq) {
      const { after, faults } = readCursor(rq, cursorOf);
      const found = await kernel.sessions.page({ after, limit: admin.pageSize + 1 });
      const sessions = found.slice(0, admin.pageSize);
      const last = sessions.at(-1);
      return {
        faults,
        sessions,
        names: await namesOf(
          admin,
          sessions.flatMap(({ userId, impersonatorId }) => [userId, impersonatorId]),
        ),
        isFirst: after === undefined,
        next: found.length > sessions.length && last !== undefined ? `${last.expiresAt}.${last.idHash}` : undefined,
      };
    },
    faults: ({ faults }) => faults,
    json: ({ sessions, names, next }) => ({
      sessions: sessions.map((session) => sessionJson(session, names)),
      next: next ?? null,
    }),
    sections: (shown, rq) => [
      {
        table: sessionTable(admin, rq, shown.sessions, shown.names),
        links: pagerLinks(rq, rq.path, new URLSearchParams(), shown),
      },
    ],
  });

  const sessionOf = (rq: SecurityRequest) => kernel.sessions.find(rq.context?.req.param("session") ?? "");
  const end = changingPage(admin, {
    name: "admin_session_end",
    path: `${admin.path}/sessions/:session/end`,
    title: "ADMIN_END_SESSION_TITLE",
    submitLabel: "ADMIN_END_SESSION",
    fields: {},
    async read(rq) {
      const session = await sessionOf(rq);
      const account = session?.userId == null ? undefined : await kernel.users.get(session.userId);
      return session === undefined || account === undefined ? undefined : { session, account };
    },
    account: ({ account }) => account,
    intro: (rq, { session, account }) => ({
      key: "ADMIN_END_SESSION_ASK",
      params: { user: account.email, device: deviceName(rq, session) },
    }),
    concerned: async (rq) => ({ userId: (await sessionOf(rq))?.userId ?? undefined }),
    async submit({ rq }, { session, account }, { asked }) {
      // What keeps the device signed in ends along with it.
      const own = rq.identity?.account.id === account.id ? rq.identity.session : undefined;
      const device = { session, credential: undefined };
      const tell = (count: number): void =>
        kernel.system.events.emit("sessionsEnded", { user: account, which: "one", count });
      const count = await unlessWithdrawn(() => endDevice(kernel, account, device, { session: own, asked, tell }));
      if (count === undefined) return refused("UNAUTHENTICATED");
      return done(pathOf(admin, "admin_sessions"), { message: { key: "SESSION_ENDED" }, response: { ended: count } });
    },
    back: () => pathOf(admin, "admin_sessions"),
  });
  return [list, end];
}

/** "1767322800000.<hash>". */
function cursorOf(cursor: string): SessionKey | undefined {
  const match = /^(\d{1,15})\.([A-Za-z0-9_-]{43})$/.exec(cursor);
  return match === null ? undefined : { expiresAt: Number(match[1]), idHash: match[2] as string };
}

function sessionJson(session: Session, names: ReadonlyMap<number, string>): Readonly<Record<string, unknown>> {
  const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
  const device = deviceOf(session.agent);
  return {
    id: session.idHash,
    user_id: session.userId,
    user: session.userId === null ? null : (names.get(session.userId) ?? null),
    impersonator: session.impersonatorId === null ? null : (names.get(session.impersonatorId) ?? null),
    program: device?.program ?? null,
    system: device?.system ?? null,
    address: session.address,
    methods: session.methods,
    created: iso(session.createdAt),
    last_seen: iso(session.lastSeenAt),
    absolute_end: iso(session.expiresAt),
  };
}

function deviceName(rq: SecurityRequest, session: Session): string {
  const device = deviceOf(session.agent);
  const named = [device?.program, device?.system].filter((part) => part !== undefined).join(" · ");
  return named === "" ? text(rq, "DEVICE_UNKNOWN") : named;
}

/** Sessions as a table; with names of users where they are several people's. */
function sessionTable(
  admin: Administration,
  rq: SecurityRequest,
  sessions: readonly Session[],
  names: ReadonlyMap<number, string> | undefined,
): TableView {
  const row = (session: Session): readonly CellView[] => [
    ...(names === undefined ? [] : [userCell(admin, names, session.userId)]),
    {
      text: deviceName(rq, session),
      ...(session.impersonatorId === null
        ? {}
        : { badges: [text(rq, "ADMIN_ACTING", { administrator: names?.get(session.impersonatorId) ?? "" })] }),
    },
    { text: session.address ?? "" },
    { text: session.methods.map((method) => methodName(rq, method)).join(", ") },
    time(rq, session.createdAt),
    time(rq, session.lastSeenAt),
    time(rq, session.expiresAt),
    {
      text: text(rq, "ADMIN_END_SESSION"),
      href: pathOf(admin, "admin_session_end", { session: session.idHash }),
    },
  ];
  const columns = [
    ...(names === undefined ? [] : (["ADMIN_USER"] as const)),
    "ADMIN_DEVICE",
    "DEVICE_ADDRESS",
    "ADMIN_METHODS",
    "DEVICE_SINCE",
    "DEVICE_LAST_SEEN",
    "DEVICE_ABSOLUTE_END",
    "ADMIN_ACTIONS",
  ] as const;
  return {
    label: text(rq, "ADMIN_SESSIONS"),
    columns: columns.map((key) => ({ text: text(rq, key) })),
    rows: sessions.map(row),
    empty: text(rq, "ADMIN_NONE"),
  };
}

/** The sessions of one user as a part of their page. */
export function sessionSection(admin: Administration, rq: SecurityRequest, sessions: readonly Session[]): SectionView {
  return { title: text(rq, "ADMIN_SESSIONS"), table: sessionTable(admin, rq, sessions, undefined) };
}
