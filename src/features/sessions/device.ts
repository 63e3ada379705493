/** Most specific first: nearly all of them also call themselves by the names below theirs. */
const programs: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/\bEdg(?:e|A|iOS)?\//, "Edge"],
  [/\bOPR\/|\bOpera\b/, "Opera"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\bVivaldi\//, "Vivaldi"],
  [/\b(?:Firefox|FxiOS)\//, "Firefox"],
  [/\b(?:Chrome|Chromium|CriOS)\//, "Chrome"],
  [/\bVersion\/[\d.]+ .*\bSafari\//, "Safari"],
  [/^curl\//, "curl"],
];

const systems: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/\biPad\b/, "iPad"],
  [/\b(?:iPhone|iPod)\b/, "iPhone"],
  [/\bAndroid\b/, "Android"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bWindows\b/, "Windows"],
  [/\b(?:Macintosh|Mac OS X)\b/, "macOS"],
  [/\b(?:Linux|X11)\b/, "Linux"],
];

/** The program and system that a user agent claims to be; undefined where it says neither. Only to help people recognise a device. */
export function deviceOf(agent: string | null): { readonly program?: string; readonly system?: string } | undefined {
  if (agent === null) return undefined;
  const find = (list: typeof programs): string | undefined => list.find(([pattern]) => pattern.test(agent))?.[1];
  const program = find(programs);
  const system = find(systems);
  if (program === undefined && system === undefined) return undefined;
  return { ...(program === undefined ? {} : { program }), ...(system === undefined ? {} : { system }) };
}
