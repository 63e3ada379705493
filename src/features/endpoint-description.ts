import { isUnsafe } from "../http/csrf.ts";
import type { System } from "../http/system.ts";
import type { Catalogue, MessageKey } from "../i18n/catalogue.ts";
import type { DescribedParameter, DescribedRoute } from "../routes/openapi/described.ts";
import type { Json } from "../routes/openapi/json.ts";
import { pathTemplates } from "../routes/openapi/paths.ts";
import { text } from "./answers.ts";
import type { Endpoint } from "./endpoint.ts";
import { fieldSchema } from "./field-schema.ts";
import { labelOf } from "./fields.ts";

/** An account endpoint for the API's description, one route for each method. */
export function describeEndpoint(system: System, feature: string, endpoint: Endpoint): readonly DescribedRoute[] {
  const catalogue = system.catalogues.default;
  const description = endpoint.authz.describe();
  const title = catalogue.text(endpoint.title as "TITLE_LOGIN");
  return endpoint.methods.map((method: string): DescribedRoute => {
    const unsafe = isUnsafe(method);
    const { shown, done, failures, status, pending } = endpoint.answers ?? {};
    // What programs alone call answers every method by doing something; a page is only looked at by GET.
    const looks = !unsafe && endpoint.page !== undefined;
    return {
      method,
      path: endpoint.path,
      kind: "account",
      source: feature,
      name:
        endpoint.methods.length === 1 || method === "POST" ? endpoint.name : `${method.toLowerCase()}_${endpoint.name}`,
      rule: description.rule ?? { kind: "custom" },
      guard: description.text,
      schemes: endpoint.authn ?? system.defaultSchemes,
      input: () => ({
        parameters: [
          ...pathParameters(endpoint),
          ...query(endpoint, unsafe),
          ...(looks ? [] : fields(endpoint, catalogue)),
        ],
        // Unless the endpoint is strict, what is sent beside the fields is not looked at.
        others: unsafe && endpoint.strict !== true,
        definitions: {},
      }),
      documentation: summaryOf(endpoint, looks ? `${title}: the form, and what it needs` : title),
      account: {
        page: endpoint.page !== undefined,
        answer: looks
          ? members({ csrf_token: text, user: { type: "object" }, ...shown })
          : ended(done ?? {}, pending === true),
        failures: failures ?? [],
        status: status ?? 200,
      },
    };
  });
}

function members(properties: Json): Json {
  return { type: "object", properties };
}

/** What only programs see has no title that would say it. */
function summaryOf({ summary, page }: Endpoint, titled: string): { readonly summary?: string } {
  if (summary !== undefined) return { summary };
  return page === undefined ? {} : { summary: titled };
}

/** What a request ends in: what it was for, or a sign-in that waits. */
function ended(done: Json, pending: boolean): Json {
  if (!pending) return members(done);
  const required = ["user", "tf_required"].filter((name) => name in done);
  return { anyOf: [{ ...members(done), required }, { $ref: "#/components/schemas/PendingSignIn" }] };
}

function pathParameters({ path }: Endpoint): readonly DescribedParameter[] {
  const [template] = pathTemplates(path);
  return (template?.parameters ?? []).map(({ name }) => ({ name, carrier: "path", required: true, schema: text }));
}

function query({ page, answers }: Endpoint, unsafe: boolean): readonly DescribedParameter[] {
  const found: DescribedParameter[] = [];
  if (page !== undefined) {
    found.push({
      name: "next",
      carrier: "query",
      required: false,
      schema: text,
      description: "Pages: where to go on, a path of this server or a URL on one of its origins.",
    });
  }
  if (unsafe && answers?.token === true) {
    found.push({
      name: "include_auth_token",
      carrier: "query",
      required: false,
      schema: text,
      description: "JSON: with any value, an auth token comes along.",
    });
  }
  return found;
}

function fields(endpoint: Endpoint, catalogue: Catalogue): readonly DescribedParameter[] {
  return Object.entries(endpoint.fields).map(([name, field]): DescribedParameter => {
    const { hint } = field;
    const said = labelOf(field, catalogue);
    const more = hint === undefined ? "" : ` ${catalogue.text(hint.key as MessageKey, hint.params)}`;
    const meaning = `${said}${said === "" ? "" : "."}${more}`.trim();
    return {
      name,
      carrier: "any",
      required: field.required,
      schema: fieldSchema(field),
      ...(meaning === "" ? {} : { description: meaning }),
    };
  });
}
