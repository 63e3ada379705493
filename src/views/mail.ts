import { html } from "hono/html";
import type { Catalogue } from "../i18n/catalogue.ts";
import type { Html, Theme } from "./contract.ts";
import { directionOf } from "./elements.ts";

/** What a template makes: the same in text and HTML. */
export interface MailContent {
  /** One line; what cannot stand in a header is taken out. */
  readonly subject: string;
  readonly text: string;
  readonly html: Html;
}

/** What every template is given; what one mail needs besides stands in its own entry of `Mails`. */
export interface MailProps {
  readonly siteName: string;
  /** The first of `origins`. */
  readonly siteUrl: string;
  /** The texts in the language of the account that the mail is for; of the request where there is no account. */
  readonly catalogue: Catalogue;
  /** The address that it goes to. */
  readonly email: string;
  /** The HTML around a mail, with the application's replacement. */
  readonly layout: MailLayout;
  /** What `views.theme` makes of the pages; mails have its light colours, its font and its radius. */
  readonly theme: Theme;
}

/** What a mail says. Each text is shown as it is: nothing in it becomes HTML, and line ends become spaces. */
export interface MailParts {
  readonly subject: string;
  readonly paragraphs: readonly string[];
  /** The one thing to do. `href` is absolute: `kernel.link(…)`. */
  readonly button?: { readonly text: string; readonly href: string };
  /** A code to be typed, shown large. */
  readonly code?: string;
  /** Below: what to do when it was not you, how long the link is good. */
  readonly notes?: readonly string[];
}

/** Makes the whole HTML document of a mail. */
export type MailLayout = (props: MailProps, parts: MailParts) => Html;

/** A template. */
export type MailTemplate<Data extends object = object> = (props: MailProps & Data) => MailContent;

/** The mails by name, with what each is given. Features have their templates in their own folders. */
export interface Mails {
  /** Sent by hand, to see whether mail arrives. */
  readonly test: MailTemplate;
  readonly confirmation: MailTemplate<TimedLink>;
  /** To the owner of an address that somebody tried to register, or to move their account to. */
  readonly addressInUse: MailTemplate<MaybeRecover & { readonly username?: string }>;
  /** Guessing has locked the account: the link takes the lock off. */
  readonly accountLocked: MailTemplate<TimedLink>;
  readonly resetInstructions: MailTemplate<TimedLink>;
  readonly resetNotice: MailTemplate<{ readonly recover: string }>;
  readonly passwordChanged: MailTemplate<MaybeRecover>;
  /** To the new address. */
  readonly changeEmailInstructions: MailTemplate<TimedLink>;
  /** To the present address, before anything has changed. */
  readonly changeEmailRequested: MailTemplate<MaybeRecover & { readonly newEmail: string }>;
  /** To the former address; to the new one too where somebody else than the owner has set it. */
  readonly emailChanged: MailTemplate<{ readonly newEmail: string }>;
  readonly signInLink: MailTemplate<TimedLink>;
  /** Confirms by mail that an account without a password is to be deleted. */
  readonly deleteAccountInstructions: MailTemplate<TimedLink>;
  /** The account is shut; the link takes it back. */
  readonly accountDeletion: MailTemplate<TimedLink>;
  /** Somebody signed in from a device that is new; `link`: "this was not me". `at` in epoch milliseconds. */
  readonly newDevice: MailTemplate<{
    readonly link: string;
    readonly at: number;
    readonly address?: string;
    readonly program?: string;
    readonly system?: string;
  }>;
  readonly usernameChanged: MailTemplate<{ readonly username?: string }>;
  readonly usernameRecovery: MailTemplate<{ readonly username: string }>;
  /** To an address that was to be registered with a username that is taken. */
  readonly usernameTaken: MailTemplate<{ readonly username: string; readonly register: string }>;
}

/** A link, and for how long it works, in milliseconds. */
export interface TimedLink {
  readonly link: string;
  readonly within: number;
}

/** Where a new password is asked for; undefined when nobody can. */
export interface MaybeRecover {
  readonly recover?: string;
}

/**
 * A mail in text and HTML from its parts: what all built-in templates are made with.
 *
 * @example templates: { test: (props) => mailContent(props, { subject: "Hello", paragraphs: ["It works."] }) }
 */
export function mailContent(props: MailProps, parts: MailParts): MailContent {
  const line = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ").trim();
  const { button, code, notes } = parts;
  const clean: MailParts = {
    subject: line(parts.subject),
    paragraphs: parts.paragraphs.map(line),
    ...(button === undefined ? {} : { button: { text: line(button.text), href: webAddress(button.href) } }),
    ...(code === undefined ? {} : { code: line(code) }),
    ...(notes === undefined ? {} : { notes: notes.map(line) }),
  };
  return { subject: clean.subject, text: plainText(props, clean), html: props.layout(props, clean) };
}

/** Anything else that a mail program would open is a mistake of whoever wrote the template. */
function webAddress(href: string): string {
  const url = new URL(href);
  if (url.protocol !== "https:" && url.protocol !== "http:") throw new TypeError("a mail links to http and https only");
  return url.href;
}

function plainText(props: MailProps, { paragraphs, button, code, notes }: MailParts): string {
  const blocks = [
    ...paragraphs,
    ...(code === undefined ? [] : [`    ${code}`]),
    ...(button === undefined ? [] : [`${button.text}:\n${button.href}`]),
    ...(notes ?? []),
    // The mark after which mail programs fold a signature (RFC 3676 4.3).
    `-- \n${props.siteName}\n${props.siteUrl}`,
  ];
  return `${blocks.join("\n\n")}\n`;
}

/** The styles of a mail's parts, in the theme's light colours: mail programs make dark ones of them by themselves. */
function stylesOf({ font, background, text, surface, radius, accent, onAccent, muted }: Theme) {
  return {
    body: `margin:0;padding:24px 12px;background-color:${background};color:${text};font-family:${font};font-size:16px;line-height:1.5`,
    card: `max-width:33rem;margin:0 auto;padding:28px;background-color:${surface};border-radius:${radius}`,
    action: `display:inline-block;padding:12px 22px;border-radius:${radius};background-color:${accent};color:${onAccent};font-weight:600;text-decoration:none`,
    link: `color:${accent};word-break:break-all`,
    digits: "margin:0 0 16px;font-size:30px;font-weight:700;letter-spacing:4px",
    small: `margin:0 0 12px;color:${muted};font-size:14px`,
    foot: `margin:16px auto 0;max-width:33rem;color:${muted};font-size:13px;text-align:center`,
    site: `color:${muted}`,
  };
}

/**
 * The layout as it comes: one column, styles on the elements (mail programs drop style sheets), nothing loaded from
 * anywhere, so that opening it tells nobody.
 */
export const mailLayout: MailLayout = (props, { subject, paragraphs, button, code, notes }) => {
  const { catalogue, siteName, siteUrl } = props;
  const { body, card, action, link, digits, small, foot, site } = stylesOf(props.theme);
  const { language } = catalogue;
  // Escaped: a font may have its name in quotation marks.
  const style = (css: string): Html => html` style="${css}"`;
  return html`<!doctype html>
<html lang="${language}" dir="${directionOf(language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${subject}</title>
</head>
<body${style(body)}>
<div${style(card)}>
<p${style("margin:0 0 20px;font-size:18px;font-weight:700")}><bdi>${siteName}</bdi></p>
<h1${style("margin:0 0 16px;font-size:22px;line-height:1.3")}>${subject}</h1>
${paragraphs.map((text) => html`<p${style("margin:0 0 16px")}>${text}</p>\n`)}${
  code === undefined ? undefined : html`<p${style(digits)}><bdi>${code}</bdi></p>\n`
}${
  button === undefined
    ? undefined
    : html`<p${style("margin:24px 0")}><a href="${button.href}"${style(action)}>${button.text}</a></p>
<p${style(small)}>${catalogue.text("MAIL_BUTTON_HELP")}<br><a href="${button.href}"${style(link)}><bdi>${button.href}</bdi></a></p>\n`
}${(notes ?? []).map((text) => html`<p${style(small)}>${text}</p>\n`)}</div>
<p${style(foot)}><bdi>${siteName}</bdi> · <a href="${siteUrl}"${style(site)}><bdi>${siteUrl}</bdi></a></p>
</body>
</html>
`;
};

/** The mails of the core itself. */
export const defaultMails: Pick<Mails, "test"> = {
  test: (props) =>
    mailContent(props, {
      subject: props.catalogue.text("MAIL_TEST_SUBJECT", { site: props.siteName }),
      paragraphs: [props.catalogue.text("MAIL_TEST_TEXT")],
    }),
};
