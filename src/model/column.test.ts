import { expect, it } from "vitest";
import { column, namedColumns } from "./column.ts";

it("turns columns into those of the schema, named as Flask-Security names them", () => {
  expect(
    namedColumns({
      company: column.string({ nullable: true, length: 80 }),
      nickName: column.string(),
      aboutMe: column.text({ nullable: true }),
      shoeSize: column.integer({ default: 42 }),
      vip: column.boolean({ default: false, index: true }),
      bornAt: column.datetime({ nullable: true, unique: true }),
    }),
  ).toEqual({
    company: { name: "company", type: "string", length: 80, nullable: true },
    nickName: { name: "nick_name", type: "string", length: 255, nullable: false },
    aboutMe: { name: "about_me", type: "text", nullable: true },
    shoeSize: { name: "shoe_size", type: "integer", default: 42, nullable: false },
    vip: { name: "vip", type: "boolean", default: false, index: true, nullable: false },
    bornAt: { name: "born_at", type: "datetime", unique: true, nullable: true },
  });
});
