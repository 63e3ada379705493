import { ConfigurationError } from "../model/errors.ts";
import { checkKnown } from "../model/known-names.ts";
import type { Theme } from "./contract.ts";
import { rules } from "./stylesheet.ts";

/** The theme as it comes. Texts have a contrast of 4.5:1 or more, borders of inputs 3:1 (WCAG 2.2 AA). */
export const defaultTheme: Theme = {
  accent: "#3d45c6",
  accentDark: "#aab4ff",
  onAccent: "#ffffff",
  onAccentDark: "#12143a",
  background: "#f3f4f8",
  backgroundDark: "#0e1016",
  surface: "#ffffff",
  surfaceDark: "#181b23",
  text: "#171923",
  textDark: "#eceef4",
  muted: "#545b6b",
  mutedDark: "#a7aebd",
  border: "#858c9c",
  borderDark: "#6d7587",
  danger: "#b3261e",
  dangerDark: "#ff9f96",
  success: "#1a6b3c",
  successDark: "#7fdca4",
  warning: "#8a5200",
  warningDark: "#f2c06b",
  radius: "0.625rem",
  font: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", Ubuntu, Cantarell, "Helvetica Neue", sans-serif',
};

const names = Object.keys(defaultTheme) as (keyof Theme)[];
/** CSS functions that give a colour or a length; none of them loads anything. */
const functions: ReadonlySet<string> = new Set(
  "rgb rgba hsl hsla hwb lab lch oklab oklch color color-mix light-dark calc min max clamp var".split(" "),
);

/**
 * The style sheet's text: the theme as custom properties, light and dark, then the rules. Throws ConfigurationError
 * `views.theme.…` for an unknown name and for a value that could be more than one value of one property.
 */
export function createStyleSheet(theme: Partial<Theme> = {}): string {
  checkKnown("views.theme", theme, names);
  const light: string[] = [];
  const dark: string[] = [];
  for (const name of names) {
    const value = checkValue(name, theme[name] ?? defaultTheme[name]);
    const isDark = name.endsWith("Dark");
    (isDark ? dark : light).push(`  ${propertyOf(isDark ? name.slice(0, -4) : name)}: ${value};`);
  }
  return `:root {
  color-scheme: light dark;
${light.join("\n")}
}
@media (prefers-color-scheme: dark) {
:root {
${dark.join("\n")}
}
}
${rules}`;
}

/**
 * The site's icon: its first letter in the theme's colours, light and dark, as an SVG document. `theme` has been looked at by
 * `createStyleSheet`; `letter` is shown as it is.
 */
export function createIcon(letter: string, theme: Partial<Theme> = {}): string {
  const of = (name: keyof Theme): string => (theme[name] ?? defaultTheme[name]).trim().replaceAll("&", "&amp;");
  const colours = (dark: "" | "Dark"): string => `rect{fill:${of(`accent${dark}`)}}text{fill:${of(`onAccent${dark}`)}}`;
  const escaped = letter.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<style>${colours("")}@media (prefers-color-scheme: dark){${colours("Dark")}}</style>
<rect width="32" height="32" rx="8"/>
<text x="16" y="17" text-anchor="middle" dominant-baseline="central" font-family="system-ui, sans-serif" font-size="19" font-weight="700">${escaped}</text>
</svg>
`;
}

/** "onAccent" → "--on-accent". */
function propertyOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function checkValue(name: string, value: unknown): string {
  const refuse = (reason: string): never => {
    throw new ConfigurationError(`views.theme.${name}`, reason);
  };
  if (typeof value !== "string" || value.trim() === "") return refuse("must be a CSS value");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a line break would end a string
  const forbidden = /[;{}<>@!\\\u0000-\u001f\u007f]|\/\*|\*\//.exec(value);
  if (forbidden !== null) return refuse(`must not contain ${JSON.stringify(forbidden[0])}`);
  const unquoted = value.replace(/"[^"]*"|'[^']*'/g, "");
  if (/["']/.test(unquoted)) return refuse("has a quotation mark without its other half");
  for (const [, called = ""] of unquoted.matchAll(/([A-Za-z0-9_-]*)\(/g)) {
    if (called !== "" && !functions.has(called.toLowerCase())) {
      return refuse(`must not call ${called}(); possible are ${[...functions].join(", ")}`);
    }
  }
  let depth = 0;
  for (const sign of unquoted) {
    if (sign === "(") depth++;
    else if (sign === ")" && --depth < 0) break;
  }
  if (depth !== 0) return refuse("has a bracket without its other half");
  return value.trim();
}
