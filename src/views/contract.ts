import type { HtmlEscapedString } from "hono/utils/html";
import type { Catalogue } from "../i18n/catalogue.ts";

/** A piece of HTML made by Hono's `html` templates, which escape every interpolated value. */
export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

/** A message shown once on the next page. */
export interface FlashMessage {
  readonly category: "info" | "success" | "warning" | "error";
  readonly text: string;
}

/** A link below a form or in the page's head. `href` is a path of this server, checked when it was built. */
export interface PageLink {
  readonly href: string;
  readonly text: string;
  /** It leads to the page that it stands on, or to the part of the site that this page belongs to. */
  readonly current?: boolean;
}

/** One input of a form, with what was typed (never a password) and what is wrong with it. */
export interface FieldView {
  readonly name: string;
  readonly label: string;
  readonly type:
    | "text"
    | "email"
    | "password"
    | "checkbox"
    | "tel"
    | "number"
    | "date"
    /** A moment in UTC. */
    | "datetime-local"
    | "select"
    /** A text of several lines. */
    | "textarea";
  readonly value: string;
  readonly checked?: boolean;
  readonly required: boolean;
  readonly autocomplete?: string;
  readonly inputMode?: string;
  /** Of a number or a moment: how far two values are apart, as HTML says it. */
  readonly step?: string;
  readonly hint?: string;
  /** Said above the field, where another way to fill in the form begins with it. */
  readonly lead?: string;
  readonly maxLength?: number;
  readonly options?: readonly { readonly value: string; readonly text: string }[];
  readonly errors: readonly string[];
  /** The first faulty field, or the first field of an untouched form. */
  readonly autofocus?: boolean;
}

/** What the layout needs, the same for each page. */
export interface PageFrame {
  readonly title: string;
  /** BCP 47 tag for `<html lang>`. */
  readonly language: string;
  readonly siteName: string;
  /** Path of the style sheet, with a hash of its content. */
  readonly stylesheet: string;
  /** Path of the site's icon; left out, the page names none. */
  readonly icon?: string;
  readonly flashes: readonly FlashMessage[];
  /** Who is signed in, for the head of the page. */
  readonly signedInAs: string | undefined;
  readonly links: readonly PageLink[];
  /**
   * For scripts and styles of your own in a page: `<script nonce="${frame.nonce}">`. New in each answer (CSP level 3); a page
   * that does not ask for it allows no script at all.
   */
  readonly nonce?: string;
  /** For the few words of the elements' own ("Skip to the content"); the English one when left out. */
  readonly catalogue?: Catalogue;
  /** The button in the head that signs out whoever is signed in. */
  readonly signOut?: RowAction;
  /** Said above every page while it holds, such as that somebody acts as another user. */
  readonly banner?: BannerView;
  /** The page needs room for tables. */
  readonly wide?: boolean;
}

/** A remark with a button. */
export interface BannerView {
  readonly text: string;
  readonly action?: RowAction;
}

/** A button: its form posts `hidden` (and the CSRF token) to `path`. */
export interface RowAction {
  readonly path: string;
  readonly text: string;
  readonly hidden: Readonly<Record<string, string>>;
}

/** One thing of a list: what it is called, what is known of it, what can be done with it. */
export interface ListRow {
  readonly id: string;
  readonly title: string;
  /** A word beside the title that sets it apart, such as "this device". */
  readonly badge?: string;
  /** `time`: the text is this moment (ISO 8601). */
  readonly facts: readonly { readonly label: string; readonly text: string; readonly time?: string }[];
  /** A longer text, its lines as they are. */
  readonly text?: string;
  readonly links?: readonly PageLink[];
  readonly actions: readonly RowAction[];
}

/** A list of things with buttons. */
export interface ListView {
  /** What it is a list of, for screen readers. */
  readonly label: string;
  readonly rows: readonly ListRow[];
  /** Said in the place of rows where there are none. */
  readonly empty: string;
  /** What can be done with all of them, below the list. */
  readonly actions: readonly RowAction[];
}

/** One cell of a table, or what is known of something. */
export interface CellView {
  readonly text: string;
  /** Where the text leads: a path of this server. */
  readonly href?: string;
  /** The text is this moment (ISO 8601). */
  readonly time?: string;
  /** Each in a frame of its own, such as the names of roles. */
  readonly badges?: readonly string[];
}

/** What is known of something, with what it is. */
export interface LabelledCell extends CellView {
  readonly label: string;
}

/** A table with a head; the first cell of each row names it. */
export interface TableView {
  /** What it is a table of. */
  readonly label: string;
  readonly columns: readonly {
    readonly text: string;
    /** Where it is sorted by this column; `direction` is there where it is. */
    readonly sort?: { readonly href: string; readonly direction?: "ascending" | "descending" };
  }[];
  readonly rows: readonly (readonly CellView[])[];
  /** Said in the place of rows where there are none. */
  readonly empty: string;
}

/** A form that narrows what is shown: sent by GET, it changes nothing. */
export interface FilterView {
  readonly label: string;
  readonly action: string;
  readonly fields: readonly FieldView[];
  readonly submit: string;
}

/** One part of a page that shows something. */
export interface SectionView {
  /** Its heading; the first section may do without. */
  readonly title?: string;
  readonly text?: string;
  readonly filter?: FilterView;
  readonly facts?: readonly LabelledCell[];
  readonly table?: TableView;
  /** Where a table goes on, and other links. */
  readonly links?: readonly PageLink[];
}

/** What a page with one form gets; `Names` are its fields. */
export interface FormPageProps<Names extends string = string> {
  readonly frame: PageFrame;
  readonly elements: Elements;
  /** Where the form is posted to (path and `next`). */
  readonly action: string;
  readonly fields: Readonly<Record<Names, FieldView>>;
  /** `csrf_token`, `next` … as hidden inputs. */
  readonly hidden: Readonly<Record<string, string>>;
  /** What is wrong with the form as a whole. */
  readonly errors: readonly string[];
  readonly submit: string;
  /** A sentence above the form. */
  readonly intro: string | undefined;
  /** What can be done about a refusal, with its button. */
  readonly offer?: BannerView;
  /** Whose form it is, where it does not ask for that: password managers need the name beside a password. */
  readonly account?: string;
  /** Rows with buttons, where the page has any. */
  readonly list?: ListView;
  /** What the page shows beside or without a form. */
  readonly sections?: readonly SectionView[];
  /** The other pages of this part of the site, above the heading. */
  readonly nav?: readonly PageLink[];
  readonly links: readonly PageLink[];
}

/** What a page without a form gets: an error, "no access", "signed out". */
export interface NoticePageProps {
  readonly frame: PageFrame;
  readonly elements: Elements;
  readonly status: number;
  readonly text: string;
  readonly links: readonly PageLink[];
}

/** The few pieces all pages are made of: replacing one changes every page. */
export interface Elements {
  layout(frame: PageFrame, content: Html): Html;
  heading(text: string): Html;
  alert(message: FlashMessage): Html;
  form(props: FormPageProps, content: Html): Html;
  field(field: FieldView): Html;
  button(text: string): Html;
  /** `hidden` goes along with each button: the CSRF token. */
  list(list: ListView, hidden: Readonly<Record<string, string>>): Html;
  links(links: readonly PageLink[]): Html;
  banner(banner: BannerView): Html;
  nav(links: readonly PageLink[], label: string): Html;
  section(section: SectionView): Html;
}

/** The pages by name; each feature adds its own to this interface by declaration in its folder. */
export interface Pages {
  error(props: NoticePageProps): Html;
  unauthorized(props: NoticePageProps): Html;
  login(props: FormPageProps<"password"> & { readonly fields: Readonly<Record<string, FieldView>> }): Html;
  logout(props: FormPageProps<never>): Html;
  register(props: FormPageProps): Html;
  verify(props: FormPageProps<"password">): Html;
  sendConfirmation(props: FormPageProps<"email">): Html;
  confirmEmail(props: FormPageProps<never>): Html;
  forgotPassword(props: FormPageProps<"email">): Html;
  resetPassword(props: FormPageProps<"password" | "password_confirm">): Html;
  changePassword(props: FormPageProps<"password" | "new_password" | "new_password_confirm">): Html;
  changeEmail(props: FormPageProps<"email">): Html;
  changeEmailConfirm(props: FormPageProps<never>): Html;
  changeUsername(props: FormPageProps<"username">): Html;
  recoverUsername(props: FormPageProps<"email">): Html;
  deleteAccount(props: FormPageProps<"password">): Html;
  deleteAccountConfirm(props: FormPageProps<never>): Html;
  keepAccount(props: FormPageProps<never>): Html;
  exportAccount(props: FormPageProps<never>): Html;
  notMe(props: FormPageProps<never>): Html;
  loginLink(props: FormPageProps<"email">): Html;
  loginByLink(props: FormPageProps<never>): Html;
  /** Where one is signed in; `props.list` has the rows. */
  sessions(props: FormPageProps): Html;
  unlock(props: FormPageProps<never>): Html;
  /** Development only: mails that were kept; `props.list` has them. */
  outbox(props: FormPageProps): Html;
  /** A new password in the place of one that is too old, before the sign-in goes on. */
  expiredPassword(props: FormPageProps<"password" | "password_confirm">): Html;
  /** The administration's pages: what they show is in `props.sections`. */
  adminUsers(props: FormPageProps): Html;
  adminUser(props: FormPageProps): Html;
  adminRoles(props: FormPageProps): Html;
  adminRole(props: FormPageProps): Html;
  adminSessions(props: FormPageProps): Html;
  adminAudit(props: FormPageProps): Html;
  adminMatrix(props: FormPageProps): Html;
  adminLimits(props: FormPageProps): Html;
  adminOutbox(props: FormPageProps): Html;
  /** The administration's forms, and those that ask before something is done that cannot be undone. */
  adminForm(props: FormPageProps): Html;
  endImpersonation(props: FormPageProps<never>): Html;
}

/** Custom properties of the style sheet, light and dark; any CSS colour, length or font list without `;{}<>`. */
export interface Theme {
  readonly accent: string;
  readonly accentDark: string;
  readonly onAccent: string;
  readonly onAccentDark: string;
  readonly background: string;
  readonly backgroundDark: string;
  readonly surface: string;
  readonly surfaceDark: string;
  readonly text: string;
  readonly textDark: string;
  readonly muted: string;
  readonly mutedDark: string;
  readonly border: string;
  readonly borderDark: string;
  readonly danger: string;
  readonly dangerDark: string;
  readonly success: string;
  readonly successDark: string;
  readonly warning: string;
  readonly warningDark: string;
  readonly radius: string;
  readonly font: string;
}

/** How an application makes the pages its own: a page, an element, or the theme's variables. */
export interface ViewOptions {
  /** Shown in the head and the title; default "Portcullis". */
  readonly siteName?: string;
  readonly pages?: Partial<Pages>;
  readonly elements?: Partial<Elements>;
  readonly theme?: Partial<Theme>;
}

/** The views of a running system: defaults with the application's replacements. */
export interface Views {
  readonly siteName: string;
  readonly pages: Pages;
  readonly elements: Elements;
  /** The whole theme: the default one with what the application has said. */
  readonly theme: Theme;
  /** The style sheet's text, with the theme in it. */
  readonly css: string;
  /** First characters of its SHA-256, for its path. */
  readonly cssHash: string;
  /** The site's icon, an SVG document in the theme's colours. */
  readonly icon: string;
  readonly iconHash: string;
}
