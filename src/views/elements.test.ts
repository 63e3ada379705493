import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createCatalogue } from "../i18n/catalogue.ts";
import { PortcullisError } from "../model/errors.ts";
import { attributes, idOf, localPath } from "./attributes.ts";
import type { FieldView, FlashMessage, FormPageProps, PageFrame } from "./contract.ts";
import { createElements, defaultElements, directionOf } from "./elements.ts";
import { defaultPages } from "./pages.ts";

const breakout = `"><script>'&`;
const escaped = "&quot;&gt;&lt;script&gt;&#39;&amp;";

const frame: PageFrame = {
  title: "Sign in",
  language: "en",
  siteName: "Acme",
  stylesheet: "/s.css",
  flashes: [],
  signedInAs: undefined,
  links: [],
};

function fieldView(more: Partial<FieldView> = {}): FieldView {
  return { name: "email", label: "Email", type: "text", value: "", required: true, errors: [], ...more };
}

function props(more: Partial<FormPageProps> = {}): FormPageProps {
  return {
    frame,
    elements: defaultElements,
    action: "/login",
    fields: {},
    hidden: {},
    errors: [],
    submit: "Go",
    intro: undefined,
    links: [],
    ...more,
  };
}

const show = async (page: unknown): Promise<string> => String(await page);

describe("localPath", () => {
  test.each(["/", "/login", "/login?next=%2Fstore#x", "/a//b", "/ü ö"])("%s is let through unchanged", (path) => {
    expect(localPath(path)).toBe(path);
  });

  test.each([
    "",
    "login",
    "//evil.example",
    "/\\evil.example",
    "/a\\b",
    "\\/evil",
    "/\t/evil.example",
    "/a\nb",
    "/\u0000",
    "/\u0085",
    " /login",
    "javascript:alert(1)",
    "https://acme.example/",
    "#x",
    "?x",
    "data:text/html,x",
  ])("%j is refused", (path) => {
    expect(() => localPath(path)).toThrow(PortcullisError);
    expect(() => attributes({ href: path })).toThrow("not a path of this server");
  });

  test("what it lets through stays on its origin", () => {
    const start = fc.constantFrom("/", "//", "/\\", "/\t/", "/.//", "/..//", "\\", "/%5c", "");
    fc.assert(
      fc.property(start, fc.string({ unit: "binary" }), (head, tail) => {
        let path: string;
        try {
          path = localPath(head + tail);
        } catch {
          return;
        }
        expect(new URL(path, "https://acme.example/x/y").origin).toBe("https://acme.example");
      }),
    );
  });
});

describe("attributes", () => {
  test("escapes values, writes true as a bare name, leaves out false, null and undefined", () => {
    const text = attributes({ value: breakout, size: 0, required: true, hidden: false, title: null, lang: undefined });
    expect(String(text)).toBe(` value="${escaped}" size="0" required`);
  });

  test.each(["onclick", "style", "srcdoc", "a b", 'x"', "", "X"])("the name %j is refused", (name) => {
    expect(() => attributes({ [name]: "x" })).toThrow(PortcullisError);
  });

  test("ids differ where names differ and need no quoting", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (a, b) => {
        expect(idOf("field", a)).toMatch(/^field-[\w.-]*$/);
        expect(idOf("field", a) === idOf("field", b)).toBe(a === b);
      }),
    );
  });
});

describe("layout", () => {
  test("has language, direction, robots, referrer, viewport, one main and a skip link to it", async () => {
    const page = await show(defaultElements.layout({ ...frame, language: "ar" }, defaultElements.heading("x")));
    expect(page).toMatch(/^<!doctype html>\n<html lang="ar" dir="rtl">/);
    expect(page).toContain('<meta name="robots" content="noindex, nofollow">');
    expect(page).toContain('<meta name="referrer" content="same-origin">');
    expect(page).toContain('content="width=device-width, initial-scale=1"');
    expect(page).toContain('<a class="skip" href="#content">');
    expect(page.match(/<main id="content"/g)).toHaveLength(1);
    expect(page).not.toMatch(/<script|<style| style=| on[a-z]+=/);
  });

  test("escapes everything that it shows", async () => {
    const page = await show(
      defaultElements.layout(
        {
          ...frame,
          title: breakout,
          siteName: breakout,
          signedInAs: breakout,
          language: breakout,
          flashes: [{ category: "error", text: breakout }],
          links: [{ href: `/${breakout}`, text: breakout }],
        },
        defaultElements.links([{ href: "/", text: breakout }]),
      ),
    );
    expect(page).not.toContain("<script");
    expect(page.split(escaped).length - 1).toBe(9);
  });

  test("shows flashes with the replaced alert, words with the catalogue of the frame", async () => {
    const elements = createElements({ alert: (message: FlashMessage) => defaultElements.heading(`<${message.text}>`) });
    const catalogue = createCatalogue({ SKIP_TO_CONTENT: "Zum Inhalt" });
    const flashes: FlashMessage[] = [{ category: "info", text: "hello" }];
    const page = await show(elements.layout({ ...frame, flashes, catalogue }, elements.heading("x")));
    expect(page).toContain("<h1>&lt;hello&gt;</h1>");
    expect(page).toContain("Zum Inhalt");
  });

  test("refuses links and style sheets elsewhere", () => {
    const elsewhere = [{ href: "javascript:alert(1)", text: "x" }];
    const content = defaultElements.heading("x");
    expect(() => defaultElements.links(elsewhere)).toThrow(PortcullisError);
    expect(() => defaultElements.layout({ ...frame, links: elsewhere }, content)).toThrow(PortcullisError);
    expect(() => defaultElements.layout({ ...frame, stylesheet: "//evil/x.css" }, content)).toThrow(PortcullisError);
    expect(() => defaultElements.form(props({ action: "https://evil.example/" }), content)).toThrow(PortcullisError);
  });

  test.each([
    ["en", "ltr"],
    ["ar", "rtl"],
    ["he-IL", "rtl"],
    ["az-Arab", "rtl"],
    ["uz-Latn", "ltr"],
    ["not a tag", "ltr"],
  ])("%s is written %s", (language, direction) => {
    expect(directionOf(language)).toBe(direction);
  });
});

describe("field", () => {
  const render = (more: Partial<FieldView>) => show(defaultElements.field(fieldView(more)));

  test("ties label, hint and errors to the input", async () => {
    const text = await render({ hint: "short", errors: ["bad", "worse"], autocomplete: "username", maxLength: 9 });
    expect(text).toContain('<label for="field-email">Email</label>');
    expect(text).toContain('id="field-email" name="email" required autocomplete="username"');
    expect(text).toContain('aria-describedby="hint-email error-email" aria-invalid="true"');
    expect(text).toContain('<p class="hint" id="hint-email">short</p>');
    expect(text).toContain('id="error-email"><p>bad</p><p>worse</p>');
    expect(text).toContain('maxlength="9"');
  });

  test("a field without hint, errors and wishes has none of their attributes", async () => {
    expect(await render({ required: false })).not.toMatch(/aria-|required|autocomplete|autofocus|maxlength|value/);
  });

  test("a password is never written back nor cut at a length", async () => {
    const text = await render({ type: "password", value: "secret", maxLength: 5 });
    expect(text).not.toContain("secret");
    expect(text).not.toContain("maxlength");
  });

  test("a checkbox stands before its label and keeps its state and value", async () => {
    expect(await render({ type: "checkbox", checked: true })).toMatch(/type="checkbox" value="on" checked> <label/);
    expect(await render({ type: "checkbox", value: "all", checked: false })).toMatch(/value="all"> <label/);
  });

  test("a select keeps the choice", async () => {
    const options = [
      { value: "", text: "–" },
      { value: "fr", text: "France" },
    ];
    const text = await render({ type: "select", value: "fr", options });
    expect(text).toContain('<option value="">–</option><option value="fr" selected>France</option>');
  });
});

describe("form", () => {
  const button = defaultElements.button("Go");

  test("sums up what is wrong, with links to the fields, before the form", async () => {
    const fields = { email: fieldView({ errors: ["bad", "worse"] }), other: fieldView({ name: "other" }) };
    const text = await show(defaultElements.form(props({ fields, errors: ["Whole"] }), button));
    expect(text).toMatch(/^<div class="alert error" role="alert">/);
    expect(text).toContain("<li>Whole</li>");
    expect(text).toContain('<li><a href="#field-email">Email</a>: bad worse</li>');
    expect(text).not.toContain("#field-other");
    expect(text.indexOf("</div>")).toBeLessThan(text.indexOf("<form"));
  });

  test("one error of the whole form is said by the replaced alert", async () => {
    const elements = createElements({ alert: (message) => defaultElements.heading(message.text) });
    expect(await show(elements.form(props({ elements, errors: ["Whole"] }), button))).toContain("<h1>Whole</h1>");
  });

  test("an untouched form has no summary", async () => {
    expect(await show(defaultElements.form(props({ fields: { email: fieldView() } }), button))).not.toContain("alert");
  });

  test("posts hidden values, escaped", async () => {
    const text = await show(defaultElements.form(props({ hidden: { next: breakout } }), button));
    expect(text).toContain('<form method="post" action="/login">');
    expect(text).toContain(`<input type="hidden" name="next" value="${escaped}" autocomplete="off">`);
  });
});

describe("any page", () => {
  const tricky = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom(breakout, "<script>alert(1)</script>", "</title><script>", "' onfocus='x", "&lt;script", "\u2028"),
  );
  const type = fc.constantFrom<FieldView["type"]>("text", "email", "password", "checkbox", "tel", "number", "select");
  const view = fc.record({
    name: tricky,
    label: tricky,
    type,
    value: tricky,
    checked: fc.boolean(),
    required: fc.boolean(),
    autocomplete: tricky,
    hint: tricky,
    options: fc.array(fc.record({ value: tricky, text: tricky }), { maxLength: 2 }),
    errors: fc.array(tricky, { maxLength: 2 }),
  });
  const path = tricky.map((text) => `/p?${encodeURIComponent(text.toWellFormed())}`);
  const link = fc.record({ href: path, text: tricky });
  const category = fc.constantFrom<FlashMessage["category"]>("info", "success", "warning", "error");
  const page = fc.record({
    title: tricky,
    siteName: tricky,
    signedInAs: fc.option(tricky, { nil: undefined }),
    flashes: fc.array(fc.record({ category, text: tricky }), { maxLength: 2 }),
    links: fc.array(link, { maxLength: 2 }),
    fields: fc.uniqueArray(view, { selector: (one) => one.name, maxLength: 4 }),
    hidden: fc.dictionary(tricky, tricky, { maxKeys: 2 }),
    errors: fc.array(tricky, { maxLength: 2 }),
    intro: fc.option(tricky, { nil: undefined }),
    action: path,
    text: tricky,
  });

  test("has no script, no inline style, no event handler, one heading, unique ids and bound labels", async () => {
    await fc.assert(
      fc.asyncProperty(page, async (given) => {
        const { title, siteName, signedInAs, flashes, links } = given;
        const of = { ...frame, title, siteName, signedInAs, flashes, links };
        const fields = Object.fromEntries(given.fields.map((one) => [one.name, one]));
        const password = fieldView({ name: "password", type: "password", value: "secret" });
        const form = { ...given, frame: of, elements: defaultElements, submit: given.text };
        const notice = { frame: of, elements: defaultElements, status: 404, text: given.text, links };
        const pages = [
          defaultPages.login({ ...form, fields: { ...fields, password } }),
          defaultPages.logout({ ...form, fields: {} }),
          defaultPages.register({ ...form, fields }),
          defaultPages.verify({ ...form, fields: { password } }),
          defaultPages.error(notice),
          defaultPages.unauthorized(notice),
        ];
        for (const rendered of pages) {
          const text = await show(rendered);
          // attribute values are quoted and escaped: without them only tags with names and bare attributes remain
          const tags = (text.match(/<[a-z][^>]*>/gi) ?? []).map((tag) => tag.replace(/"[^"]*"/g, '""'));
          for (const tag of tags) expect(tag).toMatch(/^<[a-z1]+(?: [a-z-]+(?:="")?)*>$/);
          for (const tag of tags) expect(tag).not.toMatch(/^<(?:script|style|iframe|object|base)| on[a-z]+=| style=/);
          expect(text.match(/<h1>/g)).toHaveLength(1);
          const ids = [...text.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
          expect(new Set(ids).size).toBe(ids.length);
          for (const [, target] of text.matchAll(/ (?:for|href)="#?((?:field-|content)[^"]*)"/g))
            expect(ids).toContain(target);
        }
      }),
      { numRuns: 60 },
    );
  });
});
