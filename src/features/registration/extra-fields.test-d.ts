import { expectTypeOf, test } from "vitest";
import { z } from "zod";
import { registration } from "./index.ts";

test("a field's members and types are those that there are", () => {
  // @ts-expect-error misspelt
  registration({ fields: { company: { label: "Company", requird: false } } });
  // @ts-expect-error misspelt
  registration({ fields: { seats: { label: "Seats", type: "nubmer" } } });
  // @ts-expect-error there is none
  registration({ fields: { colour: { label: "Colour", type: "colour" } } });
  // @ts-expect-error a label is needed
  registration({ fields: { company: {} } });
  registration({
    // @ts-expect-error misspelt, beside one that is right
    fields: { company: { label: "Company" }, seats: { label: "Seats", type: "number", maxlength: 3 } },
  });
  // @ts-expect-error misspelt
  registration({ feilds: {} });
});

test("what onRegister is given has the fields' types", () => {
  registration({
    fields: {
      company: { label: { en: "Company" }, required: false, autocomplete: "organization" },
      terms: { label: "Terms", type: "checkbox" },
      seats: { label: "Seats", schema: z.coerce.number() },
    },
    onRegister(_tx, user, fields) {
      expectTypeOf(user.id).toBeNumber();
      expectTypeOf(fields).toEqualTypeOf<{
        readonly company: string;
        readonly terms: boolean;
        readonly seats: number;
      }>();
    },
  });
});
