/** A feature as an application may write one: a second step with a code, on the public contract alone. */
import type { Gate } from "portcullis";
import { open } from "portcullis";
import { endpoint, type Feature, type Field, outcomeAnswer, refused } from "portcullis/features";

export const rightCode = "314159";

/** Options of the second step. */
export interface SecondStep {
  readonly name: string;
  readonly order: number;
  readonly path: string;
  /** Whom it asks. */
  readonly asks: (email: string) => boolean;
  readonly attempts?: number;
}

const codeField: Field<string> = {
  label: { text: "Code" },
  type: "text",
  required: true,
  maxLength: 20,
  echo: false,
  parse: (input) => (typeof input === "string" ? { value: input } : { fault: { key: "FIELD_REQUIRED" } }),
};

/** Parks each sign-in of those it asks until the code is given at its endpoint. */
export function secondStep({ name, order, path, asks, attempts }: SecondStep): Feature {
  const gate: Gate = {
    name,
    order,
    check: ({ account, methods }) =>
      methods.includes(name) || !asks(account.email)
        ? "pass"
        : {
            park: { code: rightCode },
            path,
            answer: { tf_required: true, tf_state: name },
            ...(attempts === undefined ? {} : { attempts }),
          },
  };
  return {
    name,
    gates: () => [gate],
    endpoints: ({ signIn, destinations }) => [
      endpoint({
        name,
        path,
        authz: open("half signed in"),
        page: "verify",
        title: "TITLE_VERIFY",
        submitLabel: "SUBMIT_VERIFY",
        fields: { password: codeField },
        show: async (rq) => ({ waiting: (await signIn.parked(rq, name)) !== undefined }),
        async submit({ rq, fields }) {
          const parked = await signIn.parked(rq, name);
          if (parked === undefined || !(await parked.attempt())) return refused("GENERIC_AUTHN_FAILED");
          if (fields.password !== parked.park.code) return refused("INVALID_PASSWORD");
          return outcomeAnswer(rq, await signIn.resume(rq, name, [name]), {
            to: destinations.afterSignIn(rq),
            refusal: refused,
          });
        },
      }),
    ],
  };
}

/** A feature that lets the test see the order of the gates and refuse at one. */
export function watchedGate(
  name: string,
  order: number,
  check: (email: string, purpose: string) => "pass" | "refuse",
): Feature {
  return {
    name,
    gates: () => [
      {
        name,
        order,
        check: ({ account, purpose }) =>
          check(account.email, purpose) === "pass" ? "pass" : { refuse: "CONFIRMATION_REQUIRED", field: "email" },
      },
    ],
    endpoints: () => [],
  };
}
