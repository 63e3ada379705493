// A browser with several tabs, without scripts: what each of them shows, and what it sends.
import type { ClientAnswer, TestClient } from "portcullis/testing";

const html = { headers: { accept: "text/html" } };
const json = { accept: "application/json" };

/** A tab of a browser: the page that it shows, and where its form goes. */
export interface Tab {
  readonly path: string;
  readonly page: ClientAnswer;
}

/** Opens a path as a browser does, redirects and all. */
export async function open(browser: TestClient, path: string): Promise<Tab> {
  let at = path;
  let page = await browser.get(at, html);
  for (let hops = 0; page.status === 302 && hops < 5; hops += 1) {
    at = page.location as string;
    page = await browser.get(at, html);
  }
  return { path: at, page };
}

/** The hidden fields of the page's form that posts to a path. */
export function hiddenOf(text: string, action: string): Record<string, string> {
  const form = text.split("<form ").find((one) => one.includes(`action="${action}"`));
  if (form === undefined) throw new Error(`no form posts to ${action}: ${text}`);
  const inputs = form.slice(0, form.indexOf("</form>")).matchAll(/type="hidden" name="([^"]+)" value="([^"]*)"/g);
  return Object.fromEntries([...inputs].map(([, name = "", value = ""]) => [name, value]));
}

/** Sends a tab's form as it stands there. */
export function send(
  browser: TestClient,
  { path, page }: Tab,
  fields: Readonly<Record<string, string>> = {},
  action: string = path,
): Promise<ClientAnswer> {
  const shown = action.replaceAll("&", "&amp;");
  return browser.post(action, { form: { ...hiddenOf(page.text, shown), ...fields }, ...html, csrf: false });
}

/** Whose session the browser has. */
export const me = async (client: TestClient): Promise<string | number> => {
  const answer = await client.get("/login", { headers: json });
  return answer.json.response.user?.email ?? "nobody";
};
