import { describe, expect, test } from "vitest";
import { ConfigurationError } from "../model/errors.ts";
import type { FieldView, FormPageProps, NoticePageProps, PageFrame, Pages, Theme, ViewOptions } from "./contract.ts";
import { createStyleSheet, createViews, defaultElements, defaultTheme, html, raw } from "./index.ts";

const frame: PageFrame = {
  title: "Title",
  language: "en",
  siteName: "Acme",
  stylesheet: "/s.css",
  flashes: [],
  signedInAs: undefined,
  links: [],
};

function formProps<N extends string>(names: readonly N[], more: Partial<FormPageProps<N>> = {}): FormPageProps<N> {
  const fields = Object.fromEntries(
    names.map((name): [string, FieldView] => [
      name,
      {
        name,
        label: `<${name}>`,
        type: name === "password" ? "password" : "text",
        value: "",
        required: true,
        errors: [],
      },
    ]),
  ) as Record<N, FieldView>;
  const shared = { frame, elements: defaultElements, action: "/x", hidden: {}, errors: [], links: [] };
  return { ...shared, fields, submit: "Go", intro: undefined, ...more };
}

const show = async (page: unknown): Promise<string> => String(await page);
const order = (page: string): string[] => [...page.matchAll(/<label for="field-(\w+)"/g)].map(([, name]) => name ?? "");

describe("pages", () => {
  const { pages } = createViews(undefined);

  test("sign-in: what names the account in the order given, then password, then remember", async () => {
    const names = ["remember", "email", "password", "username", "us_phone"] as const;
    expect(order(await show(pages.login(formProps(names))))).toEqual([
      "email",
      "username",
      "us_phone",
      "password",
      "remember",
    ]);
  });

  test("sign-in: the summary of errors has the order of the form", async () => {
    const given = formProps(["password", "email"]);
    const wrong = (name: "password" | "email") => ({ ...given.fields[name], errors: ["bad"] });
    const page = await show(pages.login({ ...given, fields: { password: wrong("password"), email: wrong("email") } }));
    expect(page.indexOf('href="#field-email"')).toBeLessThan(page.indexOf('href="#field-password"'));
  });

  test("registration: the order given; the links below", async () => {
    const links = [{ href: "/login", text: "Have one?" }];
    const page = await show(pages.register(formProps(["password", "email", "remember"], { links })));
    expect(order(page)).toEqual(["password", "email", "remember"]);
    expect(page).toContain('<ul class="links"><li><a href="/login">Have one?</a></li></ul>');
  });

  test("sign-out is a form that asks", async () => {
    const page = await show(pages.logout(formProps([], { intro: "Sure?", hidden: { csrf_token: "t" } })));
    expect(page).toContain('<form method="post" action="/x">');
    expect(page).toContain("Sure?");
    expect(page).toContain('name="csrf_token" value="t"');
  });

  test("a form for a password names the account, for password managers only", async () => {
    const named = (names: string[]) => show(pages.verify(formProps(names, { account: "jo@acme.example" })));
    const account = '<input type="text" value="jo@acme.example" autocomplete="username" hidden readonly>';
    expect(await named(["password"])).toContain(account);
    expect(await named(["email"]), "nothing to keep").not.toContain(account);
    expect(await show(pages.verify(formProps(["password"])))).not.toContain('autocomplete="username"');
  });

  test("error and no access: heading, text, links, no form", async () => {
    const props: NoticePageProps = {
      frame,
      elements: defaultElements,
      status: 403,
      text: "<no>",
      links: [{ href: "/", text: "Home" }],
    };
    for (const page of [await show(pages.error(props)), await show(pages.unauthorized(props))]) {
      expect(page).toContain("<h1>Title</h1>");
      expect(page).toContain("&lt;no&gt;");
      expect(page).toContain('<a href="/">Home</a>');
      expect(page).not.toContain("<form");
    }
  });
});

describe("createViews", () => {
  test("has defaults, and a hash that changes with the style sheet", () => {
    const views = createViews(undefined);
    expect(views.siteName).toBe("Portcullis");
    expect(views.css).toBe(createStyleSheet());
    expect(views.cssHash).toMatch(/^[0-9a-f]{16}$/);
    expect(createViews({}).cssHash).toBe(views.cssHash);
    expect(createViews({ theme: { accent: "#123456" } }).cssHash).not.toBe(views.cssHash);
  });

  test("takes an application's page and element; the other pages stay and use the element", async () => {
    const views = createViews({
      siteName: " Acme ",
      pages: { login: (props) => html`<p>${props.submit}</p>` },
      elements: { button: (text) => html`<button class="mine">${text}</button>${raw("<!-- ours -->")}` },
    });
    expect(views.siteName).toBe("Acme");
    expect(await show(views.pages.login(formProps(["password"] as const, { submit: "<x>" })))).toBe("<p>&lt;x&gt;</p>");
    const register = await show(views.pages.register(formProps(["email"], { elements: views.elements })));
    expect(register).toContain('<button class="mine">Go</button><!-- ours -->');
  });

  test("a page of a feature is there, can be replaced, and its name is known", async () => {
    const featurePages = { forgot: () => html`default` };
    const known = createViews(undefined, featurePages as Partial<Pages>).pages as unknown as typeof featurePages;
    expect(await show(known.forgot())).toBe("default");
    const options = { pages: { forgot: () => html`mine` } } as unknown as ViewOptions;
    const replaced = createViews(options, featurePages as Partial<Pages>).pages as unknown as typeof featurePages;
    expect(await show(replaced.forgot())).toBe("mine");
    expect(() => createViews(options)).toThrow("views.pages.forgot: unknown option; known: error,");
  });

  test("an option that is undefined counts as left out", () => {
    const options = { siteName: undefined, pages: { login: undefined }, theme: { accent: undefined } };
    expect(createViews(options as unknown as ViewOptions).pages.login).toBe(createViews({}).pages.login);
  });

  test.each([
    [
      { sitename: "x" },
      'views.sitename: unknown option; did you mean "siteName"? known: siteName, pages, elements, theme',
    ],
    [
      { pages: { logn: () => "" } },
      'views.pages.logn: unknown option; did you mean "login"? known: error, unauthorized, login',
    ],
    [{ pages: { login: "x" } }, "views.pages.login: must be a function"],
    [{ pages: { constructor: "x" } }, "views.pages.constructor: unknown"],
    [{ pages: [] }, "views.pages: an object is expected"],
    [{ elements: { lay: () => "" } }, "views.elements.lay: unknown option; known: layout, heading, alert, form, field"],
    [{ elements: null }, "views.elements: an object is expected"],
    [
      { theme: { acent: "red" } },
      'views.theme.acent: unknown option; did you mean "accent"? known: accent, accentDark',
    ],
    [{ theme: "dark" }, "views.theme: an object is expected"],
    [{ siteName: "" }, "views.siteName: must be a name"],
    [{ siteName: "a\nb" }, "views.siteName: must be a name"],
    [{ language: "de" }, "views.language: unknown"],
    ["x", "views: an object is expected"],
  ])("%j is refused", (options, message) => {
    const build = () => createViews(options as unknown as ViewOptions);
    expect(build).toThrow(ConfigurationError);
    expect(build).toThrow(message);
  });
});

describe("createStyleSheet", () => {
  test("puts light values in :root and dark ones under prefers-color-scheme", () => {
    const css = createStyleSheet({ onAccent: "rgb(1 2 3 / 50%)", onAccentDark: "#abc" });
    const [light, dark] = css.split("@media (prefers-color-scheme: dark)");
    expect(light).toContain("--on-accent: rgb(1 2 3 / 50%);");
    expect(light).not.toContain("#abc");
    expect(dark).toContain("--on-accent: #abc;");
    expect(css).not.toMatch(/undefined|url\(|@import/);
  });

  test("uses every property of the theme and no other", () => {
    const css = createStyleSheet();
    const used = new Set([...css.matchAll(/var\((--[a-z-]+)\)/g)].map(([, name]) => name));
    const set = new Set([...css.matchAll(/^\s*(--[a-z-]+):/gm)].map(([, name]) => name));
    expect([...used].toSorted()).toEqual([...set].toSorted());
  });

  test.each([
    "hsl(210deg 50% 40%)",
    "color-mix(in oklab, red 20%, var(--text))",
    "calc((1rem + 2px) * 2)",
    `"Gill Sans; (Nova" , 'It"s', serif`.replace(";", ","),
    "oklch(60% 0.1 200)",
  ])("%s is accepted", (value) => {
    expect(createStyleSheet({ accent: value })).toContain(`--accent: ${value};`);
  });

  test.each([
    ["red; --x: 1", 'must not contain ";"'],
    ["red}", 'must not contain "}"'],
    ["{", 'must not contain "{"'],
    ["</style>", 'must not contain "<"'],
    ["red /* x", 'must not contain "/*"'],
    ["*/", 'must not contain "*/"'],
    ["red\nx", 'must not contain "\\n"'],
    ["\\75rl(x)", 'must not contain "\\\\"'],
    ["red !important", 'must not contain "!"'],
    ["url(https://evil.example/)", "must not call url()"],
    ["URL(x)", "must not call URL()"],
    ["image-set('x' 1x)", "must not call image-set()"],
    ["attr(title)", "must not call attr()"],
    ["rgb(1 2 3", "has a bracket without its other half"],
    ["red)", "has a bracket without its other half"],
    [")(", "has a bracket without its other half"],
    ['"Gill', "has a quotation mark without its other half"],
    ["", "must be a CSS value"],
    [" ", "must be a CSS value"],
    [7, "must be a CSS value"],
  ])("%j is refused", (value, message) => {
    const build = () => createStyleSheet({ accent: value as string });
    expect(build).toThrow(ConfigurationError);
    expect(build).toThrow(`views.theme.accent: ${message}`);
  });
});

describe("the default theme has enough contrast (WCAG 2.2 AA)", () => {
  const luminance = (colour: string): number => {
    const parts = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255);
    const [r = 0, g = 0, b = 0] = parts.map((part) =>
      part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a: string, b: string): number => {
    const [high = 0, low = 0] = [luminance(a), luminance(b)].toSorted((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  type Light =
    | "accent"
    | "onAccent"
    | "background"
    | "surface"
    | "text"
    | "muted"
    | "border"
    | "danger"
    | "success"
    | "warning";
  const pairs: [Light, Light, number][] = [
    ["text", "background", 4.5],
    ["text", "surface", 4.5],
    ["muted", "background", 4.5],
    ["muted", "surface", 4.5],
    ["accent", "background", 4.5],
    ["accent", "surface", 4.5],
    ["onAccent", "accent", 4.5],
    ["danger", "surface", 4.5],
    ["success", "surface", 3],
    ["warning", "surface", 3],
    ["border", "surface", 3],
  ];

  test.each(pairs)("%s on %s is %d:1 or more", (front, back, least) => {
    expect(contrast(defaultTheme[front], defaultTheme[back])).toBeGreaterThanOrEqual(least);
    const dark = (name: Light): string => defaultTheme[`${name}Dark` satisfies keyof Theme];
    expect(contrast(dark(front), dark(back))).toBeGreaterThanOrEqual(least);
  });
});
