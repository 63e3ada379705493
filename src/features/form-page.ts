import type { BagKeeper } from "../authn/bag.ts";
import type { Limits } from "../authn/limits/limits.ts";
import type { Refusals } from "../authz/refusal.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { System } from "../http/system.ts";
import type { Catalogue, MessageKey } from "../i18n/catalogue.ts";
import type { BannerView, FieldView, FormPageProps, Html, PageLink } from "../views/contract.ts";
import type { PageSender } from "../views/frame.ts";
import type { Endpoint, Offer } from "./endpoint.ts";
import { type Fault, type Field, faultText, labelOf } from "./fields.ts";
import { shownFor, shownForField } from "./shown-for.ts";

/** What answering account endpoints needs. */
export interface EngineContext {
  readonly system: System;
  readonly refusals: Refusals;
  readonly bags: BagKeeper;
  readonly pages: PageSender;
  readonly limits: Limits;
  /** Links in the head of every page. */
  readonly headLinks: (rq: SecurityRequest) => readonly PageLink[];
}

/** A form as it is shown: what was typed and what is wrong with it. */
export interface FormState {
  readonly typed: Readonly<Record<string, unknown>>;
  readonly fields: Readonly<Record<string, readonly Fault[]>>;
  readonly form: readonly Fault[];
  readonly offer?: Offer;
  readonly response?: Readonly<Record<string, unknown>>;
}

/** As it is shown first. */
export const untouched: FormState = { typed: {}, fields: {}, form: [] };

/** A detour (a second factor) must bring the caller back to where they wanted to go. */
export function withNext(path: string, next: string | undefined): string {
  if (next === undefined) return path;
  return `${path}${path.includes("?") ? "&" : "?"}next=${encodeURIComponent(next)}`;
}

/**
 * `next` from the body, else from the query, when it is a target that we may send somebody to: what the form itself says
 * comes before the address that it was sent to.
 */
export function nextOf(rq: SecurityRequest, body: Readonly<Record<string, unknown>>): string | undefined {
  const { redirects } = rq.system;
  const field = Object.hasOwn(body, "next") ? body["next"] : undefined;
  const said = typeof field === "string" ? redirects.safe(field) : undefined;
  return said ?? redirects.safe(rq.url.searchParams.get("next"));
}

/** What is wrong with a form, in JSON. */
export function faultsAsJson(context: EngineContext, rq: SecurityRequest, state: FormState): Response {
  const { catalogue } = rq;
  const fieldErrors: Record<string, string[]> = {};
  if (state.form.length > 0) fieldErrors[""] = texts(catalogue, state.form);
  for (const [name, faults] of Object.entries(state.fields)) fieldErrors[name] = texts(catalogue, faults);
  const errors = Object.values(fieldErrors).flat();
  return context.refusals.json(rq, 400, { ...state.response, errors, field_errors: fieldErrors });
}

/** In the language of the caller. */
function texts(catalogue: Catalogue, faults: readonly Fault[]): string[] {
  return faults.map((fault) => faultText(fault, catalogue));
}

/** The page of an endpoint with its form. */
export async function page(
  context: EngineContext,
  endpoint: Endpoint,
  rq: SecurityRequest,
  state: FormState,
  status = 200,
): Promise<Response> {
  const { system, pages, bags } = context;
  const { catalogue } = rq;
  const next = nextOf(rq, state.typed);
  const omitted = (await endpoint.omits?.(rq)) ?? [];
  const faulty = Object.keys(endpoint.fields).find((name) => (state.fields[name]?.length ?? 0) > 0);
  const focus = faulty ?? Object.keys(endpoint.fields)[0];
  const fields: Record<string, FieldView> = {};
  for (const [name, field] of Object.entries(endpoint.fields)) {
    if (field.hidden !== true && !omitted.includes(name))
      fields[name] = fieldView(catalogue, name, field, state, name === focus);
  }
  const intro = await endpoint.intro(rq);
  const account = await endpoint.account(rq);
  const list = await endpoint.list(rq);
  const subject = await shownFor(endpoint, rq);
  const props: FormPageProps = {
    frame: pages.frame(
      rq,
      catalogue.text(endpoint.title as "TITLE_LOGIN"),
      context.headLinks(rq),
      bags.open(rq).flashes(),
      endpoint.wide,
    ),
    elements: pages.views.elements,
    // Behind a mailed link the path has a parameter: the form goes to where it was shown.
    action: withNext(endpoint.path.includes(":") ? rq.path : endpoint.path, next),
    fields,
    hidden: { csrf_token: system.csrf.token(rq), ...(subject === undefined ? {} : { [shownForField]: subject }) },
    errors: texts(catalogue, state.form),
    ...(account === undefined ? {} : { account }),
    ...(list === undefined ? {} : { list }),
    ...(endpoint.sections === undefined ? {} : { sections: await endpoint.sections(rq) }),
    ...(endpoint.nav === undefined ? {} : { nav: endpoint.nav(rq) }),
    submit: catalogue.text(endpoint.submitLabel as "SUBMIT_LOGIN"),
    intro: intro === undefined ? undefined : catalogue.text(intro.key as MessageKey, intro.params),
    ...(state.offer === undefined ? {} : { offer: offerView(system.csrf.token(rq), catalogue, state.offer, next) }),
    links: endpoint.links(rq, next),
  };
  const render = pages.views.pages[endpoint.page ?? "error"] as (props: FormPageProps) => Html;
  return pages.send(rq, render(props), status);
}

function offerView(token: string, catalogue: Catalogue, offer: Offer, next: string | undefined): BannerView {
  const { path, text, label, fields } = offer;
  return {
    text: catalogue.text(text as "INTRO_SEND_CONFIRMATION"),
    action: {
      path: withNext(path, next),
      text: catalogue.text(label as "SUBMIT_SEND_CONFIRMATION"),
      hidden: { csrf_token: token, ...fields },
    },
  };
}

function fieldView(
  catalogue: Catalogue,
  name: string,
  field: Field<unknown>,
  state: FormState,
  autofocus: boolean,
): FieldView {
  const typed = field.echo && Object.hasOwn(state.typed, name) ? state.typed[name] : undefined;
  const { hint } = field;
  return {
    name,
    label: labelOf(field, catalogue),
    type: field.type,
    value: inputText(field, typed),
    required: field.required,
    maxLength: field.maxLength,
    errors: texts(catalogue, state.fields[name] ?? []),
    autofocus,
    ...(field.type === "checkbox" ? { checked: isTrue(field.parse(typed)) } : {}),
    ...(field.autocomplete === undefined ? {} : { autocomplete: field.autocomplete }),
    ...(field.step === undefined ? {} : { step: field.step }),
    ...(field.choices === undefined
      ? {}
      : {
          options: field.choices.map(({ value, text }) => ({
            value,
            text: text && catalogue.text(text as "ADMIN_YES"),
          })),
        }),
    ...(field.inputMode === undefined ? {} : { inputMode: field.inputMode }),
    ...(field.lead === undefined ? {} : { lead: catalogue.text(field.lead as "FIRST_PROOF_OR") }),
    ...(hint === undefined ? {} : { hint: catalogue.text(hint.key as MessageKey, hint.params) }),
  };
}

/** What stands in the input: what was typed, or what is stored as the input takes it. */
function inputText({ type, maxLength }: Field<unknown>, typed: unknown): string {
  if (type === "checkbox") return "";
  if (typeof typed === "number" || typeof typed === "boolean") return String(typed);
  if (typeof typed !== "string") return "";
  // It knows no zone and, with a step of a second, no fractions.
  const local = type === "datetime-local" ? /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d{3}Z$/.exec(typed)?.[1] : undefined;
  // A stored text that is longer than what is taken must not come back cut.
  return type === "textarea" ? typed : (local ?? typed).slice(0, maxLength);
}

function isTrue(parsed: ReturnType<Field<unknown>["parse"]>): boolean {
  return "value" in parsed && parsed.value === true;
}
