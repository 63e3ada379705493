/** A spreadsheet takes such a cell for a formula (CWE-1236), whatever apostrophes stand before it. */
const formula = /^'*[=+\-@\t\r]/;

/** One line, with its end. A cell that a spreadsheet would take for a formula gets an apostrophe before it. */
export function csvLine(values: readonly string[]): string {
  const cells = values.map((value) => {
    const text = formula.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  // A line of one empty cell would be an empty line, which readers pass over.
  return `${cells.length === 1 && cells[0] === "" ? '""' : cells.join(",")}\r\n`;
}

/** The value that `csvLine` wrote: without the apostrophe that keeps it from being a formula. */
export function cellValue(cell: string): string {
  return cell.startsWith("'") && formula.test(cell) ? cell.slice(1) : cell;
}
