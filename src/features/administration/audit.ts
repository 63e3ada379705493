import { type AuditEntry, detailsOf } from "../../audit/entry.ts";
import { auditHead, auditLine, readable, timeOf } from "../../audit/file.ts";
import type { AuditQuery } from "../../audit/trail.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { TableView } from "../../views/contract.ts";
import { download, type Endpoint, endpoint, invalid, refused } from "../endpoint.ts";
import type { Fault } from "../fields.ts";
import { eventFilter, eventName, resultName } from "./event-names.ts";
import {
  dayFilter,
  type Filter,
  filterView,
  pagerLinks,
  readCursor,
  readFilter,
  userFilter,
  withQuery,
} from "./filters.ts";
import { type Administration, mayChange, namesOf, pathOf, showing, text, time, userCell } from "./pages.ts";
import { detailText } from "./words.ts";

/** Entries in one file; what is older is in the next one, by its dates. */
const mostExported = 10_000;
const batch = 1_000;

const filters = (admin: Administration) =>
  ({
    user: userFilter(admin, "ADMIN_USER_FILTER"),
    actor: userFilter(admin, "ADMIN_ACTOR_FILTER"),
    name: eventFilter,
    from: dayFilter("ADMIN_FROM"),
    to: dayFilter("ADMIN_TO", { end: true }),
  }) as const;

type AuditFilter = Filter<ReturnType<typeof filters>>;

interface TrailPage {
  readonly filter: AuditFilter;
  readonly faults: Readonly<Record<string, readonly Fault[]>>;
  readonly entries: readonly AuditEntry[];
  readonly names: ReadonlyMap<number, string>;
  readonly isFirst: boolean;
  readonly next: number | undefined;
}

/** `/admin/audit`: the trail, newest first, narrowed by user, actor, event and time; `/admin/audit/export` as a file. */
export function auditPages(admin: Administration): readonly Endpoint[] {
  const { kernel } = admin;
  const fields = filters(admin);
  const list = showing<TrailPage>(admin, {
    name: "admin_audit",
    path: `${admin.path}/audit`,
    page: "adminAudit",
    title: "ADMIN_AUDIT",
    async read(rq) {
      const filter = await readFilter(rq, fields);
      const { after, faults } = readCursor(rq, sequenceOf);
      const faulty = Object.keys(filter.faults).length > 0;
      const found = faulty
        ? []
        : await kernel.audit.list({
            ...queryOf(filter),
            ...(after === undefined ? {} : { after }),
            limit: admin.pageSize + 1,
          });
      const entries = found.slice(0, admin.pageSize);
      return {
        filter,
        faults: { ...filter.faults, ...faults },
        entries,
        names: await namesOf(
          admin,
          entries.flatMap(({ userId, actorId }) => [userId, actorId]),
        ),
        isFirst: after === undefined,
        next: found.length > entries.length ? entries.at(-1)?.sequence : undefined,
      };
    },
    faults: ({ faults }) => faults,
    json: ({ entries, next }) => ({ entries: entries.map(readable), next: next ?? null }),
    sections(shown, rq) {
      const { filter, next, isFirst } = shown;
      const file = pathOf(admin, "admin_audit_export");
      const pages = pagerLinks(rq, rq.path, filter.query, { isFirst, next: next?.toString() });
      return [
        {
          filter: filterView(rq, rq.path, fields, filter),
          table: trailTable(admin, rq, shown.entries, shown.names),
          links: [
            ...pages,
            { href: withQuery(file, filter.query, { format: "csv" }), text: text(rq, "ADMIN_EXPORT_CSV") },
            { href: withQuery(file, filter.query, { format: "json" }), text: text(rq, "ADMIN_EXPORT_JSON") },
          ],
        },
      ];
    },
  });

  const file = endpoint({
    name: "admin_audit_export",
    path: `${admin.path}/audit/export`,
    methods: ["GET"],
    // It takes out what is known of everybody: as fresh as for a change.
    authz: mayChange(admin),
    authn: ["session"],
    page: "adminAudit",
    title: "ADMIN_AUDIT",
    submitLabel: "ADMIN_SHOW",
    fields: {},
    async show(rq) {
      const filter = await readFilter(rq, fields);
      const format = rq.url.searchParams.get("format") ?? "json";
      if (format !== "json" && format !== "csv") return invalid({ format: [{ key: "FIELD_INVALID" }] });
      if (Object.keys(filter.faults).length > 0) return invalid(filter.faults);
      const entries: AuditEntry[] = [];
      while (entries.length < mostExported) {
        const after = entries.at(-1)?.sequence;
        const page = await kernel.audit.list({
          ...queryOf(filter),
          ...(after === undefined ? {} : { after }),
          limit: batch,
        });
        entries.push(...page);
        if (page.length < batch) break;
      }
      rq.system.events.emit("auditExported", { count: entries.length }, rq);
      const name = `audit-${new Date(rq.system.now()).toISOString().slice(0, 10)}`;
      return format === "csv"
        ? download(`${name}.csv`, auditHead + entries.map(auditLine).join(""))
        : download(`${name}.json`, { entries: entries.map(readable) });
    },
    submit: () => refused("METHOD_NOT_ALLOWED"),
  });
  return [list, file];
}

function queryOf({ values }: AuditFilter): AuditQuery {
  const { user, actor, name, from, to } = values;
  return {
    ...(user === undefined ? {} : { user }),
    ...(actor === undefined ? {} : { actor }),
    ...(name === undefined ? {} : { name }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
}

function sequenceOf(cursor: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(cursor) ? Number(cursor) : undefined;
}

/** Entries of the trail as a table. */
export function trailTable(
  admin: Administration,
  rq: SecurityRequest,
  entries: readonly AuditEntry[],
  names: ReadonlyMap<number, string>,
): TableView {
  const columns = [
    "ADMIN_TIME",
    "ADMIN_EVENT",
    "ADMIN_RESULT",
    "ADMIN_WHOM",
    "ADMIN_ACTOR",
    "DEVICE_ADDRESS",
    "ADMIN_ROUTE",
    "ADMIN_DETAILS",
  ] as const;
  return {
    label: text(rq, "ADMIN_AUDIT"),
    columns: columns.map((key) => ({ text: text(rq, key) })),
    rows: entries.map((entry) => [
      Number.isNaN(new Date(entry.at).getTime()) ? { text: timeOf(entry) } : time(rq, entry.at),
      { text: eventName(rq, entry.name) },
      { text: resultName(rq, entry.result) },
      userCell(admin, names, entry.userId),
      userCell(admin, names, entry.actorId),
      { text: entry.address ?? "" },
      { text: entry.route ?? "" },
      { text: detailsText(admin, rq, entry) },
    ]),
    empty: text(rq, "ADMIN_NONE"),
  };
}

/** "Role: editor; Count: 2". */
function detailsText(admin: Administration, rq: SecurityRequest, entry: AuditEntry): string {
  return Object.entries(detailsOf(entry))
    .filter(([, value]) => !Array.isArray(value) || value.length > 0)
    .map(([name, value]) => detailText(admin, rq, entry.name, name, value))
    .join("; ");
}
