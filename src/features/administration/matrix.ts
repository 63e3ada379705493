import { sortRoutes } from "../../routes/matrix.ts";
import type { RouteRecord } from "../../routes/types.ts";
import { matrixOf } from "../account-routes.ts";
import type { Endpoint } from "../endpoint.ts";
import { type Administration, showing, text } from "./pages.ts";
import { guardName } from "./words.ts";

/** `/admin/matrix`: every route of the application that serves the page, with its guard. */
export function matrixPage(admin: Administration): Endpoint {
  return showing<readonly RouteRecord[]>(admin, {
    name: "admin_matrix",
    path: `${admin.path}/matrix`,
    page: "adminMatrix",
    title: "ADMIN_MATRIX",
    read: (rq) => sortRoutes(matrixOf(rq)),
    json: (routes) => ({ routes: routes.map((route) => ({ ...route, open: route.open ?? null })) }),
    sections: (routes, rq) => [
      {
        table: {
          label: text(rq, "ADMIN_MATRIX"),
          columns: (
            [
              "ADMIN_PATH",
              "ADMIN_METHOD",
              "ADMIN_GUARD",
              "ADMIN_SCHEMES",
              "ADMIN_PARAMETERS",
              "ADMIN_OPEN",
              "ADMIN_SOURCE",
            ] as const
          ).map((key) => ({ text: text(rq, key) })),
          rows: routes.map(({ method, path, guard, schemes, parameters, open, source, behind }) => [
            { text: path },
            { text: method },
            {
              text:
                behind === undefined
                  ? guardName(rq, guard)
                  : text(rq, "GUARD_BEHIND", { guard: guardName(rq, guard), route: behind }),
            },
            { text: schemes.join(", ") },
            { text: parameters.join(", ") },
            { text: open === "" ? text(rq, "ADMIN_OPEN_NO_REASON") : (open ?? "") },
            { text: source },
          ]),
          empty: text(rq, "ADMIN_NONE"),
        },
      },
    ],
  });
}
