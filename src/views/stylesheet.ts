/**
 * The rules of the style sheet, over the theme's custom properties. Logical properties throughout, so that pages in
 * right-to-left languages need nothing of their own; no `url()`, so that the pages load nothing else.
 */
export const rules: string = `
*, ::before, ::after { box-sizing: border-box; }
html { font-size: 100%; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  display: flex;
  flex-direction: column;
  min-block-size: 100vh;
  min-block-size: 100dvh;
  margin: 0;
  background-color: var(--background);
  background-image: radial-gradient(75rem 32rem at 50% -8rem, color-mix(in oklab, var(--accent) 16%, transparent), transparent);
  background-repeat: no-repeat;
  color: var(--text);
  font-family: var(--font);
  font-size: 1rem;
  line-height: 1.5;
  overflow-wrap: anywhere;
}
p, ul, h1 { margin: 0; }
ul { padding: 0; list-style: none; }
a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: 0.2em; }
a:hover { text-decoration-thickness: 2px; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: calc(var(--radius) / 2); }
main:focus { outline: none; }

.skip {
  position: absolute;
  inset-block-start: 0.5rem;
  inset-inline-start: 0.5rem;
  z-index: 1;
  padding: 0.75rem 1rem;
  border-radius: var(--radius);
  background-color: var(--accent);
  color: var(--on-accent);
  font-weight: 600;
}
.skip:not(:focus) { inline-size: 1px; block-size: 1px; padding: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip:focus { outline-color: var(--text); }

.bar {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  justify-content: space-between;
  gap: 0.25rem 1.5rem;
  padding-block: 0.75rem;
  padding-inline: clamp(1rem, 4vw, 2rem);
}
.brand { display: flex; align-items: center; gap: 0.625rem; min-block-size: 2.75rem; min-inline-size: 0; font-weight: 650; letter-spacing: -0.01em; }
.mark {
  flex: none;
  display: grid;
  place-items: center;
  inline-size: 2rem;
  block-size: 2rem;
  border-radius: calc(var(--radius) * 0.8);
  background-color: var(--accent);
  color: var(--on-accent);
  font-weight: 700;
}
.account { display: flex; flex-wrap: wrap; align-items: center; gap: 0 1.25rem; min-inline-size: 0; color: var(--muted); font-size: 0.9375rem; }
.who { min-inline-size: 0; }
.account button { inline-size: auto; min-block-size: 2.75rem; margin: 0; padding-block: 0.25rem; }
nav ul { display: flex; flex-wrap: wrap; gap: 0 1.25rem; }
nav a, .links a { display: inline-flex; align-items: center; min-block-size: 2.75rem; font-weight: 550; }

main { flex: 1; display: grid; align-items: center; justify-items: center; padding-block: 1rem clamp(2rem, 14vh, 9rem); padding-inline: clamp(0.75rem, 4vw, 2rem); }
.card {
  inline-size: 100%;
  max-inline-size: 27rem;
  min-inline-size: 0;
  padding-block: clamp(1.25rem, 6vw, 2.5rem);
  padding-inline: clamp(0.625rem, 6vw, 2.5rem);
  border: 1px solid color-mix(in srgb, var(--border) 30%, transparent);
  border-radius: calc(var(--radius) * 2);
  background-color: var(--surface);
  box-shadow: 0 1px 2px rgb(0 0 0 / 6%), 0 1.25rem 3rem -1.25rem rgb(0 0 0 / 22%);
}
h1 { margin-block-end: 0.375rem; font-size: clamp(1.5rem, 1.3rem + 1.2vw, 1.875rem); font-weight: 700; line-height: 1.2; letter-spacing: -0.02em; text-wrap: balance; }
.intro, .notice { color: var(--muted); text-wrap: pretty; }
.intro { margin-block-end: 1.5rem; }
h1 + form, h1 + ul:not(.links) { margin-block-start: 1.5rem; }
.card > p + p, .card > ul:not(.links) > li + li { margin-block-start: 0.75rem; }
.card > p + form, .card > ul + form { margin-block-start: 1.5rem; }

.field { margin-block-end: 1.25rem; }
.lead { display: flex; align-items: center; gap: 0.75rem; margin-block-end: 1rem; color: var(--muted); font-weight: 550; }
.lead::before, .lead::after { content: ""; flex: 1; border-block-start: 1px solid var(--border); }
label { display: block; margin-block-end: 0.375rem; font-weight: 600; font-size: 0.9375rem; }
.hint { margin-block-end: 0.5rem; color: var(--muted); font-size: 0.875rem; }
.field > input, select, textarea {
  display: block;
  inline-size: 100%;
  min-block-size: 3rem;
  padding-block: 0.625rem;
  padding-inline: 0.875rem;
  border: 1px solid var(--border);
  border-radius: var(--radius);
  background-color: var(--surface);
  color: var(--text);
  font: inherit;
}
textarea { resize: vertical; }
.field > input:hover, select:hover, textarea:hover { border-color: var(--text); }
.field > input:focus-visible, select:focus-visible, textarea:focus-visible { outline-offset: 0; outline-color: var(--accent); border-color: var(--accent); border-radius: var(--radius); }
.field > [aria-invalid="true"], .field > [aria-invalid="true"]:hover { border-color: var(--danger); box-shadow: inset 0 0 0 1px var(--danger); }
.row { display: flex; align-items: flex-start; gap: 0.75rem; }
.row input { flex: none; inline-size: 1.375rem; block-size: 1.375rem; margin: 0.6875rem 0 0; accent-color: var(--accent); }
.row label { flex: 1; min-inline-size: 0; margin: 0; padding-block: 0.625rem; font-weight: 450; cursor: pointer; }
.wrong { display: grid; gap: 0.25rem; margin-block-start: 0.5rem; color: var(--danger); font-size: 0.9375rem; font-weight: 550; }
.wrong p { display: grid; grid-template-columns: auto 1fr; gap: 0.5rem; min-inline-size: 0; }
.wrong p::before {
  content: "!";
  content: "!" / "";
  display: grid;
  place-items: center;
  inline-size: 1.25em;
  block-size: 1.25em;
  margin-block-start: 0.125em;
  border-radius: 50%;
  background-color: var(--danger);
  color: var(--surface);
  font-size: 0.875em;
  font-weight: 800;
}

button {
  display: block;
  inline-size: 100%;
  min-block-size: 3rem;
  margin-block-start: 1.5rem;
  padding-block: 0.625rem;
  padding-inline: 1.25rem;
  border: 1px solid transparent;
  border-radius: var(--radius);
  background-color: var(--accent);
  color: var(--on-accent);
  font: inherit;
  font-weight: 650;
  cursor: pointer;
}
button:hover { background-color: color-mix(in oklab, var(--accent) 86%, var(--text)); }
button:active { background-color: color-mix(in oklab, var(--accent) 74%, var(--text)); }
button.quiet { border-color: var(--border); background-color: transparent; color: var(--text); }
button.quiet:hover { border-color: var(--text); background-color: color-mix(in srgb, var(--text) 6%, transparent); }
.check + button { margin-block-start: 0.5rem; }

.rows { list-style: none; padding: 0; margin-block: 1.5rem; }
.rows > li { padding-block: 1.25rem; border-block-start: 1px solid color-mix(in srgb, var(--border) 30%, transparent); }
.rows h2 { font-size: 1.0625rem; }
.rows dl { margin-block: 0.5rem 1rem; font-size: 0.9375rem; }
.rows dl > div { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem; }
.rows dt { color: var(--muted); }
.rows dd { margin: 0; overflow-wrap: anywhere; }
.rows pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 0.875rem; }
.badge { display: inline-block; padding: 0 0.5rem; border: 1px solid currentcolor; border-radius: var(--radius); color: var(--success); font-size: 0.8125rem; font-weight: 550; }
.links { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1.5rem; margin-block: 1.75rem -0.75rem; padding-block-start: 0.75rem; border-block-start: 1px solid color-mix(in srgb, var(--border) 30%, transparent); font-size: 0.9375rem; }

.banner { display: flex; flex-wrap: wrap; align-items: center; justify-content: center; gap: 0.25rem 1.5rem; padding: 0.5rem clamp(1rem, 4vw, 2rem); border-block: 2px solid var(--warning); background-color: color-mix(in srgb, var(--warning) 12%, var(--surface)); font-weight: 600; }
.banner button { inline-size: auto; margin: 0; }
.card .banner { margin-block: 1.25rem 0; padding: 0.75rem 1rem; border: 1px solid var(--warning); border-radius: var(--radius); font-weight: 400; }
.card.wide { max-inline-size: 76rem; padding-inline: clamp(0.625rem, 3vw, 2.5rem); }
main:has(.wide) { align-items: start; }
.tabs { margin-block-end: 1.5rem; border-block-end: 1px solid color-mix(in srgb, var(--border) 30%, transparent); }
.tabs a { text-decoration: none; border-block-end: 3px solid transparent; }
.tabs a:hover { border-color: var(--border); }
.tabs a[aria-current] { border-color: var(--accent); color: var(--text); }
.part { margin-block-start: 2rem; }
.part > h2 { margin-block: 0 0.75rem; font-size: 1.25rem; letter-spacing: -0.01em; }
.part > p { color: var(--muted); margin-block-end: 1rem; }
.filter { display: flex; flex-wrap: wrap; align-items: end; gap: 0.75rem 1rem; margin-block-end: 1rem; }
.filter .field { flex: 1 1 11rem; min-inline-size: 0; margin: 0; }
.filter button { inline-size: auto; margin: 0; }
.part .scroll { overflow-x: auto; border-radius: var(--radius); }
.part table { inline-size: 100%; border-collapse: collapse; font-size: 0.9375rem; }
.part caption { text-align: start; padding-block-end: 0.5rem; color: var(--muted); }
.part th, .part td { padding: 0.625rem 0.75rem; border-block-end: 1px solid color-mix(in srgb, var(--border) 30%, transparent); text-align: start; vertical-align: top; }
.part th { font-weight: 600; }
.part th, .part td { overflow-wrap: break-word; max-inline-size: 24rem; }
.part thead th, .part td time, .part th time { white-space: nowrap; }
.part .badge + .badge { margin-inline-start: 0.25rem; }
.part .badge { color: var(--text); }
.known { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: 0.375rem 1.5rem; margin: 0; }
.known dt { color: var(--muted); }
.known dd { margin: 0; min-inline-size: 0; overflow-wrap: anywhere; }
.part .links { justify-content: start; margin-block: 0.5rem 0; border: 0; }
.card:has(.api) { max-inline-size: 64rem; }
.api h2 { margin-block: 2rem 0.5rem; font-size: 1.125rem; }
.api h3 { margin-block: 1rem 0.25rem; font-size: 1rem; }
.api section { border-block-start: 1px solid color-mix(in srgb, var(--border) 30%, transparent); }
.api nav ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(22rem, 100%), 1fr)); }
.api dl { margin-block: 0.5rem; }
.api dl > div { display: grid; grid-template-columns: minmax(6rem, 9rem) 1fr; gap: 0 1rem; padding-block: 0.25rem; }
.api dt { color: var(--muted); }
.api dd { margin: 0; min-inline-size: 0; }
.api .scroll { overflow-x: auto; }
.api table { inline-size: 100%; border-collapse: collapse; font-size: 0.9375rem; }
.api th, .api td { padding: 0.375rem 0.75rem 0.375rem 0; border-block-end: 1px solid color-mix(in srgb, var(--border) 30%, transparent); text-align: start; vertical-align: top; }
.api th em { color: var(--muted); font-weight: 450; }

.alert {
  --tone: var(--accent);
  margin-block-end: 1.25rem;
  padding-block: 0.75rem;
  padding-inline: clamp(0.5rem, 4vw, 1rem);
  border: 1px solid color-mix(in srgb, var(--tone) 35%, transparent);
  border-inline-start: 4px solid var(--tone);
  border-radius: var(--radius);
  background-color: color-mix(in srgb, var(--tone) 9%, var(--surface));
  font-size: 0.9375rem;
}
.alert.error { --tone: var(--danger); }
.alert.success { --tone: var(--success); }
.alert.warning { --tone: var(--warning); }
h1 + .alert { margin-block-start: 1.25rem; }
.alert + h1 { margin-block-start: 1.75rem; }
.alert .title { font-weight: 650; }
.alert ul { margin-block-start: 0.25rem; }
.alert li { padding-block: 0.25rem; }
.alert a { color: inherit; font-weight: 600; }

@media (max-width: 26rem) {
  .card { border-radius: calc(var(--radius) * 1.6); }
  main { align-items: start; }
  .known { grid-template-columns: 1fr; gap: 0; }
  .known dd { margin-block-end: 0.5rem; }
}
@media (prefers-reduced-motion: no-preference) {
  button, input, select, textarea { transition: background-color 0.12s ease-out, border-color 0.12s ease-out; }
}
@media (prefers-contrast: more) {
  .card, .alert { border-color: currentcolor; }
  .intro, .notice, .hint, .account { color: var(--text); }
}
@media (forced-colors: active) {
  .mark { border: 1px solid; }
  button { border-color: currentcolor; }
}
@media print {
  body { background: none; }
  .skip, nav { display: none; }
  .card { border: 0; box-shadow: none; }
}
`;
