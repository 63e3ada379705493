import { html } from "hono/html";
import type { Catalogue } from "../../i18n/catalogue.ts";
import { attributes } from "../../views/attributes.ts";
import type { Elements, Html, PageFrame } from "../../views/contract.ts";
import type { OpenApiDocument } from "./document.ts";
import { isJson, type Json } from "./json.ts";
import { schemaInWords } from "./words.ts";

/**
 * The description as a page: one long page, so that the browser's own search finds everything, with the account pages' style
 * sheet and no script.
 */
export function apiPage(frame: PageFrame, elements: Elements, document: OpenApiDocument, path: string): Html {
  const texts = frame.catalogue as Catalogue;
  const operations = operationsOf(document);
  const { description } = document.info;
  const content = html`<div class="api">
${elements.heading(`${document.info.title} ${texts.text("TITLE_API")} ${document.info.version}`)}
${typeof description === "string" ? html`<p class="intro">${description}</p>` : undefined}
<p><a${attributes({ href: path })}>${texts.text("API_DOCUMENT")}</a></p>
<nav${attributes({ "aria-label": texts.text("API_OPERATIONS") })}>${document.tags.map(({ name }) => contents(name, operations))}</nav>
${document.tags.map(({ name }) => group(name, operations, texts))}
${schemes(document, texts)}
</div>
`;
  return elements.layout(frame, content);
}

interface ShownOperation {
  readonly method: string;
  readonly path: string;
  readonly id: string;
  readonly tags: readonly string[];
  readonly operation: Json;
  readonly document: OpenApiDocument;
}

function operationsOf(document: OpenApiDocument): readonly ShownOperation[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).flatMap(([key, operation]) =>
      isJson(operation)
        ? [
            {
              method: key.replace(/^x-/, "").toUpperCase(),
              path,
              id: `operation-${String(operation["operationId"])}`,
              tags: operation["tags"] as readonly string[],
              operation,
              document,
            },
          ]
        : [],
    ),
  );
}

function contents(tag: string, operations: readonly ShownOperation[]): Html {
  const own = operations.filter(({ tags }) => tags.includes(tag));
  return html`<h2>${tag}</h2>
<ul>${own.map(({ id, method, path }) => html`<li><a href="#${id}"><code>${method} ${path}</code></a></li>\n`)}</ul>
`;
}

function group(tag: string, operations: readonly ShownOperation[], texts: Catalogue): Html {
  // An operation of several groups is shown in the first one, so that its address is there once.
  const own = operations.filter(({ tags }) => tags[0] === tag);
  return html`${own.map((one) => section(one, texts))}`;
}

function section({ method, path, id, operation, document }: ShownOperation, texts: Catalogue): Html {
  const said = (name: string): Html | undefined =>
    typeof operation[name] === "string" ? html`<p>${operation[name]}</p>\n` : undefined;
  return html`<section${attributes({ "aria-labelledby": id })}>
<h2${attributes({ id })}><code>${method} ${path}</code></h2>
${said("summary")}${said("description")}<dl>
<div><dt>${texts.text("API_GUARD")}</dt><dd>${String(operation["x-guard"])}</dd></div>
<div><dt>${texts.text("API_CREDENTIALS")}</dt><dd>${credentials(operation, texts)}</dd></div>
</dl>
${parameters(operation, document, texts)}${body(operation, document, texts)}${answers(operation, document, texts)}</section>
`;
}

function credentials(operation: Json, texts: Catalogue): string {
  const requirements = listOf(operation["security"]).filter(isJson);
  if (requirements.length === 0) return texts.text("API_NO_CREDENTIALS");
  return requirements
    .map((requirement) => {
      const schemes = Object.entries(requirement).map(([name, scopes]) => {
        const list = listOf(scopes);
        return list.length === 0 ? name : `${name} (${list.join(", ")})`;
      });
      return schemes.length === 0 ? texts.text("API_NO_CREDENTIALS") : schemes.join(" + ");
    })
    .join(` ${texts.text("API_CREDENTIALS_OR")} `);
}

function parameters(operation: Json, document: OpenApiDocument, texts: Catalogue): Html | undefined {
  const rows = listOf(operation["parameters"])
    .filter(isJson)
    .map((parameter) => {
      const { content, schema = isJson(content) ? schemaOfContent(content) : undefined } = parameter;
      return row(
        document,
        texts,
        String(parameter["name"]),
        String(parameter["in"]),
        parameter["required"] === true,
        schema,
        parameter["description"],
      );
    });
  return rows.length === 0 ? undefined : table(texts.text("API_PARAMETERS"), operation, texts, rows);
}

function body(operation: Json, document: OpenApiDocument, texts: Catalogue): Html | undefined {
  const requestBody = operation["requestBody"];
  if (!isJson(requestBody) || !isJson(requestBody["content"])) return undefined;
  const types = Object.keys(requestBody["content"]).join(", ");
  const schema = schemaOfContent(requestBody["content"]);
  const properties = isJson(schema) && isJson(schema["properties"]) ? schema["properties"] : undefined;
  if (properties === undefined) {
    return html`<h3>${texts.text("API_BODY")}</h3>\n<p><code>${types}</code>: ${schemaInWords(schema, document)}</p>\n`;
  }
  const required = isJson(schema) ? listOf(schema["required"]) : [];
  const rows = Object.entries(properties).map(([name, property]) =>
    row(
      document,
      texts,
      name,
      "body",
      required.includes(name),
      property,
      isJson(property) ? property["description"] : undefined,
    ),
  );
  return html`${table(texts.text("API_BODY"), operation, texts, rows)}<p class="hint"><code>${types}</code></p>\n`;
}

function row(
  document: OpenApiDocument,
  texts: Catalogue,
  name: string,
  place: string,
  required: boolean,
  schema: unknown,
  meaning: unknown,
): Html {
  return html`<tr><th scope="row"><code>${name}</code>${required ? html` <em>${texts.text("API_REQUIRED")}</em>` : undefined}</th><td>${place}</td><td>${schemaInWords(schema, document)}</td><td>${typeof meaning === "string" ? meaning : ""}</td></tr>
`;
}

function table(caption: string, operation: Json, texts: Catalogue, rows: readonly Html[]): Html {
  const heads = (["API_PARAMETER", "API_PLACE", "API_TYPE", "API_MEANING"] as const).map(
    (key) => html`<th scope="col">${texts.text(key)}</th>`,
  );
  return html`<h3>${caption}</h3>
<div class="scroll"${attributes({ tabindex: "0", role: "region", "aria-label": `${caption}: ${String(operation["operationId"])}` })}><table><thead><tr>${heads}</tr></thead><tbody>
${rows}</tbody></table></div>
`;
}

function answers(operation: Json, document: OpenApiDocument, texts: Catalogue): Html {
  const responses = isJson(operation["responses"]) ? operation["responses"] : {};
  // "2XX" sorts behind the numbers among an object's keys, but is what people look for first.
  const sorted = Object.entries(responses).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const items = sorted.map(([status, answer]) => {
    const { description, content } = resolved(answer, document);
    const schema = isJson(content) ? schemaOfContent(content) : undefined;
    const shape =
      schema === undefined || status >= "3" ? undefined : html` <code>${schemaInWords(schema, document)}</code>`;
    return html`<div><dt>${status}</dt><dd>${String(description ?? "")}${shape}</dd></div>\n`;
  });
  return html`<h3>${texts.text("API_ANSWERS")}</h3>\n<dl>\n${items}</dl>\n`;
}

function schemes({ components }: OpenApiDocument, texts: Catalogue): Html {
  const items = Object.entries(components.securitySchemes).map(([name, scheme]) => {
    const { type, in: place, name: own, scheme: word, description } = isJson(scheme) ? scheme : {};
    const how = type === "apiKey" ? `${String(place)} ${String(own)}` : `Authorization: ${String(word)}`;
    return html`<div><dt><code>${name}</code></dt><dd><code>${how}</code>. ${String(description ?? "")}</dd></div>\n`;
  });
  return html`<section aria-labelledby="schemes"><h2 id="schemes">${texts.text("API_SCHEMES")}</h2>\n<dl>\n${items}</dl></section>\n`;
}

function schemaOfContent(content: Json): unknown {
  const [first] = Object.values(content);
  return isJson(first) ? first["schema"] : undefined;
}

function resolved(answer: unknown, { components }: OpenApiDocument): Json {
  if (!isJson(answer)) return {};
  const reference = answer["$ref"];
  if (typeof reference !== "string") return answer;
  const found = components.responses[reference.slice(reference.lastIndexOf("/") + 1)];
  return isJson(found) ? found : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
