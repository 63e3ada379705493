import { endDevice } from "../../authn/ending.ts";
import { authRequired } from "../../authz/guards/authentication.ts";
import { unlessWithdrawn } from "../../datastore/held-account.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { MessageKey } from "../../i18n/catalogue.ts";
import type { Session } from "../../model/session.ts";
import type { Json } from "../../routes/openapi/json.ts";
import type { ListView } from "../../views/contract.ts";
import { text, textOrNull, timeOrNull } from "../answers.ts";
import { done, type Endpoint, endpoint, notFound, refused } from "../endpoint.ts";
import type { Feature, Kernel } from "../feature.ts";
import { hiddenField } from "../fields.ts";
import { moment } from "../moment.ts";
import { deviceOf } from "./device.ts";
import { type Device, devicesOf } from "./devices.ts";
import { endOtherDevices } from "./ending.ts";

/**
 * `/sessions` lists where the user is signed in, with the limits of each session; `/sessions/end` ends one, and
 * `/sessions/end-others` all but this one, after a fresh proof of identity (ASVS 7.5.2). What keeps a device signed in ends
 * along with it.
 */
export function sessions(): Feature {
  return {
    name: "sessions",
    requires: ["passwords"],
    endpoints: (kernel) => [list(kernel), end(kernel), endOthers(kernel)],
  };
}

function list(kernel: Kernel): Endpoint {
  return endpoint({
    name: "sessions",
    path: "/sessions",
    methods: ["GET"],
    authz: authRequired("session"),
    authn: ["session"],
    page: "sessions",
    title: "TITLE_SESSIONS",
    intro: "INTRO_SESSIONS",
    submitLabel: "SUBMIT_END_OTHERS",
    answers: { shown: { sessions: { type: "array", items: { type: "object", properties: deviceSchema } } } },
    fields: {},
    list: (rq) => view(kernel, rq),
    async show(rq) {
      const account = rq.identity?.account;
      if (!rq.wantsJson || account === undefined) return {};
      return {
        sessions: (await devicesOf(kernel, account, rq.identity?.session)).map((device) => asJson(kernel, device)),
      };
    },
    submit: () => refused("METHOD_NOT_ALLOWED"),
  });
}

function end(kernel: Kernel): Endpoint {
  return endpoint({
    name: "end_session",
    path: "/sessions/end",
    methods: ["POST"],
    authz: authRequired("session", {}),
    authn: ["session"],
    page: "sessions",
    title: "TITLE_SESSIONS",
    submitLabel: "SUBMIT_END_SESSION",
    fields: { id: hiddenField(64) },
    back: () => kernel.path("sessions"),
    answers: { done: { ended: { type: "integer" } }, failures: [404] },
    list: (rq) => view(kernel, rq),
    async submit({ rq, fields }) {
      const account = rq.identity?.account;
      if (account === undefined) return refused("UNAUTHENTICATED");
      // Looked for among the user's own: nobody else's id is any different from one that does not exist.
      const device = (await devicesOf(kernel, account, rq.identity?.session)).find(({ id }) => id === fields.id);
      if (device === undefined) return notFound();
      if (device.current) {
        await kernel.signIn.signOut(rq);
        return done(kernel.destinations.afterSignOut(rq), { message: { key: "LOGGED_OUT" } });
      }
      const { session } = rq.identity ?? {};
      const tell = (count: number): void =>
        rq.system.events.emit("sessionsEnded", { user: account, which: "one", count }, rq);
      const count = await unlessWithdrawn(() => endDevice(kernel, account, device, { session, tell }));
      if (count === undefined) return refused("UNAUTHENTICATED");
      return done(kernel.path("sessions") ?? "/", { message: { key: "SESSION_ENDED" }, response: { ended: count } });
    },
  });
}

function endOthers(kernel: Kernel): Endpoint {
  return endpoint({
    name: "end_other_sessions",
    path: "/sessions/end-others",
    methods: ["POST"],
    authz: authRequired("session", {}),
    authn: ["session"],
    page: "sessions",
    title: "TITLE_SESSIONS",
    submitLabel: "SUBMIT_END_OTHERS",
    answers: { done: { ended: { type: "integer" } } },
    fields: {},
    back: () => kernel.path("sessions"),
    list: (rq) => view(kernel, rq),
    async submit({ rq }) {
      const account = rq.identity?.account;
      if (account === undefined) return refused("UNAUTHENTICATED");
      const { session } = rq.identity ?? {};
      const tell = (count: number): void =>
        rq.system.events.emit("sessionsEnded", { user: account, which: "others", count }, rq);
      const count = session && (await unlessWithdrawn(() => endOtherDevices(kernel, account, session, tell)));
      if (count === undefined) return refused("UNAUTHENTICATED");
      return done(kernel.path("sessions") ?? "/", {
        message: { key: "OTHER_SESSIONS_ENDED" },
        response: { ended: count },
      });
    },
  });
}

/** When the session ends by itself if nothing more happens, and however busy it is; epoch milliseconds. */
function limitsOf(kernel: Kernel, session: Session): { readonly idle: number; readonly absolute: number } {
  const idle = Math.min(session.lastSeenAt + kernel.sessions.limits.idle, session.expiresAt);
  return { idle, absolute: session.expiresAt };
}

/** The members of a device in JSON. */
const deviceSchema: Json = {
  id: text,
  current: { type: "boolean" },
  program: textOrNull,
  system: textOrNull,
  address: textOrNull,
  methods: { type: "array", items: text },
  created: timeOrNull,
  last_seen: timeOrNull,
  idle_end: timeOrNull,
  absolute_end: timeOrNull,
  remembered_until: timeOrNull,
};

function asJson(kernel: Kernel, { id, session, credential, current }: Device): Readonly<Record<string, unknown>> {
  const iso = (at: number | undefined): string | null => (at === undefined ? null : new Date(at).toISOString());
  const limits = session === undefined ? undefined : limitsOf(kernel, session);
  const device = deviceOf(session?.agent ?? null);
  return {
    id,
    current,
    program: device?.program ?? null,
    system: device?.system ?? null,
    address: session?.address ?? null,
    methods: session?.methods ?? credential?.methods ?? [],
    created: iso(session?.createdAt ?? credential?.createdAt),
    last_seen: iso(session?.lastSeenAt ?? credential?.rotatedAt),
    idle_end: iso(limits?.idle),
    absolute_end: iso(limits?.absolute),
    remembered_until: iso(credential?.expiresAt),
  };
}

async function view(kernel: Kernel, rq: SecurityRequest): Promise<ListView> {
  const account = rq.identity?.account;
  const { catalogue } = rq;
  const text = (key: MessageKey): string => catalogue.text(key as "TITLE_SESSIONS");
  const time = (at: number): ReturnType<typeof moment> => moment(catalogue, at);
  const devices = account === undefined ? [] : await devicesOf(kernel, account, rq.identity?.session);
  const rows = devices.map(({ id, session, credential, current }) => {
    const device = deviceOf(session?.agent ?? null);
    const limits = session === undefined ? undefined : limitsOf(kernel, session);
    const named = [device?.program, device?.system].filter((part) => part !== undefined).join(" · ");
    const fact = (label: MessageKey, value: string | { time: string; text: string } | undefined) =>
      value === undefined ? [] : [{ label: text(label), ...(typeof value === "string" ? { text: value } : value) }];
    const made = session?.createdAt ?? credential?.createdAt;
    return {
      id,
      title: named === "" ? text("DEVICE_UNKNOWN") : named,
      ...(current ? { badge: text("DEVICE_CURRENT") } : {}),
      facts: [
        ...fact("DEVICE_ADDRESS", session?.address ?? undefined),
        ...fact("DEVICE_SINCE", made === undefined ? undefined : time(made)),
        ...fact("DEVICE_LAST_SEEN", session === undefined ? undefined : time(session.lastSeenAt)),
        ...fact("DEVICE_IDLE_END", limits === undefined ? undefined : time(limits.idle)),
        ...fact("DEVICE_ABSOLUTE_END", limits === undefined ? undefined : time(limits.absolute)),
        ...fact("DEVICE_REMEMBERED", credential === undefined ? undefined : time(credential.expiresAt)),
      ],
      actions: [
        { path: kernel.path("end_session") ?? "/sessions/end", text: text("SUBMIT_END_SESSION"), hidden: { id } },
      ],
    };
  });
  const others = devices.some(({ current }) => !current);
  return {
    label: text("TITLE_SESSIONS"),
    rows,
    empty: text("DEVICES_NONE"),
    actions: others
      ? [
          {
            path: kernel.path("end_other_sessions") ?? "/sessions/end-others",
            text: text("SUBMIT_END_OTHERS"),
            hidden: {},
          },
        ]
      : [],
  };
}
