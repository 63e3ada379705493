/** Whether a text is a day of the calendar, `YYYY-MM-DD` (RFC 3339 full-date): "2026-02-31" is none. */
export function isCalendarDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  // The platform takes the 31st of February for the third of March.
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}
