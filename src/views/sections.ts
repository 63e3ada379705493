import { html } from "hono/html";
import { attributes, idOf } from "./attributes.ts";
import type { CellView, FieldView, FilterView, Html, SectionView, TableView } from "./contract.ts";

/** One part of a page as it comes: heading, text, filter, facts, table, links. `field` is the one for the filter's inputs. */
export function createSection(parts: {
  readonly field: (view: FieldView) => Html;
  readonly links: (links: NonNullable<SectionView["links"]>) => Html;
}): (section: SectionView) => Html {
  return (section) => {
    const { title, text, filter, facts, table, links } = section;
    const head = title === undefined ? undefined : html`<h2>${title}</h2>\n`;
    return html`<section class="part">${head}${text === undefined ? undefined : html`<p>${text}</p>\n`}${
      filter === undefined ? undefined : filterForm(filter, parts.field)
    }${facts === undefined ? undefined : factList(facts)}${table === undefined ? undefined : tableOf(table)}${
      links === undefined ? undefined : parts.links(links)
    }</section>\n`;
  };
}

function filterForm(filter: FilterView, field: (view: FieldView) => Html): Html {
  return html`<form${attributes({ class: "filter", method: "get", action: filter.action, role: "search", "aria-label": filter.label })}>
${filter.fields.map((view) => field(view))}<button type="submit" class="quiet">${filter.submit}</button></form>
`;
}

function factList(facts: NonNullable<SectionView["facts"]>): Html {
  return html`<dl class="known">
${facts.map((fact) => html`<dt>${fact.label}</dt><dd>${cell(fact)}</dd>\n`)}</dl>
`;
}

function tableOf(table: TableView): Html {
  if (table.rows.length === 0) return html`<p class="notice">${table.empty}</p>\n`;
  const label = idOf("table", table.label);
  // What is wider than the screen is scrolled, which must be possible by keyboard too.
  return html`<div${attributes({ class: "scroll", tabindex: "0", role: "region", "aria-labelledby": label })}><table>
<caption${attributes({ id: label })}>${table.label}</caption>
<thead><tr>${table.columns.map(headCell)}</tr></thead>
<tbody>
${table.rows.map(
  ([first, ...others]) =>
    html`<tr>${first === undefined ? undefined : html`<th scope="row">${cell(first)}</th>`}${others.map(
      (one) => html`<td>${cell(one)}</td>`,
    )}</tr>\n`,
)}</tbody></table></div>
`;
}

function headCell({ text, sort }: TableView["columns"][number]): Html {
  if (sort === undefined) return html`<th scope="col">${text}</th>`;
  const sign = sort.direction === undefined ? "" : sort.direction === "ascending" ? " ▲" : " ▼";
  return html`<th${attributes({ scope: "col", "aria-sort": sort.direction })}><a${attributes({ href: sort.href })}>${text}<span aria-hidden="true">${sign}</span></a></th>`;
}

function cell({ text, href, time, badges = [] }: CellView): Html {
  const shown =
    time === undefined ? html`<bdi>${text}</bdi>` : html`<time${attributes({ datetime: time })}>${text}</time>`;
  const linked = href === undefined ? shown : html`<a${attributes({ href })}>${shown}</a>`;
  return html`${linked}${badges.map((badge) => html` <span class="badge">${badge}</span>`)}`;
}
