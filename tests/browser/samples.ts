import type { FieldView, FormPageProps, NoticePageProps, PageFrame } from "../../src/views/contract.ts";
import { createViews } from "../../src/views/index.ts";

/** How full a sample page is: as it first comes, or with everything that can be on it, and that in long words. */
export type Fullness = "plain" | "full";

export const pageNames = ["login", "logout", "register", "verify", "error", "unauthorized"] as const;
export type SampleName = (typeof pageNames)[number];

export const views: ReturnType<typeof createViews> = createViews({ siteName: "Acme Stores" });

const long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft";
const hostile = `"><script>document.title="broken"</script>`;

function field(name: string, label: string, type: FieldView["type"], more: Partial<FieldView> = {}): FieldView {
  return { name, label, type, value: "", required: type !== "checkbox", errors: [], ...more };
}

function frame(title: string, fullness: Fullness, language: string): PageFrame {
  const shared = { title, language, siteName: views.siteName, stylesheet: `/portcullis-${views.cssHash}.css` };
  if (fullness === "plain") return { ...shared, flashes: [], signedInAs: undefined, links: [] };
  return {
    ...shared,
    flashes: [
      { category: "info", text: "Sign in to continue." },
      { category: "success", text: `Saved: ${long}` },
      { category: "warning", text: "Your password is two years old." },
      { category: "error", text: `Refused: ${hostile}` },
    ],
    signedInAs: `${long}@mail.example`,
    links: [
      { href: "/account", text: "Your account" },
      { href: "/logout", text: "Sign out" },
    ],
  };
}

/** Renders one default page with sample content. */
export async function renderSample(name: SampleName, fullness: Fullness, language = "en"): Promise<string> {
  const full = fullness === "full";
  const errors = (...texts: string[]): Partial<FieldView> => (full ? { errors: texts } : {});
  const email = field("email", "Email", "email", {
    autocomplete: "username",
    maxLength: 255,
    ...(full ? { value: `${hostile}@mail.example` } : {}),
    ...errors("This is not an email address."),
  });
  const password = field("password", "Password", "password", { autocomplete: "current-password" });
  const form = <N extends string>(title: string, submit: string, fields: Record<N, FieldView>): FormPageProps<N> => ({
    frame: frame(title, fullness, language),
    elements: views.elements,
    action: `/${name}?next=%2Fstore`,
    fields,
    hidden: { csrf_token: "sample", next: full ? hostile : "/store" },
    errors: full
      ? [
          "That did not match an account. Check what you typed and try again; after many tries, wait a while first.",
          long,
        ]
      : [],
    submit,
    intro: full ? `A sentence above the form, with a long word: ${long}.` : "Good to see you again.",
    links: [],
  });
  const notice = (title: string, status: number, text: string): NoticePageProps => ({
    frame: frame(title, fullness, language),
    elements: views.elements,
    status,
    text: full ? `${long} ${hostile}` : text,
    links: [{ href: "/", text: "Back to the start" }],
  });
  switch (name) {
    case "login":
      return String(
        await views.pages.login({
          ...form("Sign in", "Sign in", {
            remember: field("remember", "Keep me signed in on this device", "checkbox", { checked: full }),
            password: { ...password, ...errors("Enter a password.") },
            email,
          }),
          links: [
            { href: "/register", text: "Create an account" },
            { href: "/reset", text: "Forgot your password?" },
          ],
        }),
      );
    case "logout":
      return String(
        await views.pages.logout({
          ...form("Sign out", "Sign out", {}),
          intro: "Do you want to sign out of this device?",
        }),
      );
    case "register":
      return String(
        await views.pages.register({
          ...form("Create an account", "Create account", {
            email,
            username: field("username", "Username", "text", { autocomplete: "nickname", value: full ? long : "" }),
            country: field("country", "Country", "select", {
              options: [
                { value: "", text: "–" },
                { value: "fr", text: "France" },
                { value: "xx", text: long },
              ],
              ...errors("This cannot be left empty."),
            }),
            password: {
              ...password,
              autocomplete: "new-password",
              hint: "At least 8 characters. A few unrelated words make a good one.",
              ...errors("A password has 8 to 128 characters.", "Many people use this password."),
            },
            password_confirm: field("password_confirm", "Password again", "password", { autocomplete: "new-password" }),
            terms: field("terms", `I agree to the terms${full ? ` ${long}` : ""}`, "checkbox", {
              required: true,
              hint: "They are short.",
              ...errors("This cannot be left empty."),
            }),
          }),
          intro: "It takes less than a minute.",
          links: [{ href: "/login", text: "Sign in" }],
        }),
      );
    case "verify":
      return String(
        await views.pages.verify({
          ...form("Is it you?", "Continue", { password: { ...password, ...errors("The password is wrong.") } }),
          frame: { ...frame("Is it you?", fullness, language), signedInAs: "jo@acme.example" },
          account: "jo@acme.example",
          intro: "This page is protected. Enter your password again to go on.",
          errors: [],
        }),
      );
    case "error":
      return String(await views.pages.error(notice("Not found", 404, "There is nothing at this address.")));
    case "unauthorized":
      return String(
        await views.pages.unauthorized(notice("No access", 403, "Your account does not have access to this.")),
      );
  }
}
