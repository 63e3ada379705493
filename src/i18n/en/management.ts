/** The management of users, and API keys. */
export const management = {
  LAST_ADMINISTRATOR: {
    category: "error",
    text: "This is the last active administrator. Make another one first.",
  },
  PAGE_TOO_FAR: { category: "error", text: "Pages by number end here. Go on with “next”." },
  CURSOR_INVALID: { category: "error", text: "This list does not go on from there." },
  TOO_MANY_KEYS: { category: "error", text: "There are too many keys already. Remove one first." },
  PERMISSION_NOT_GRANTED: { category: "error", text: "A key can do no more than its owner." },
  SERVICE_ACCOUNTS_ONLY: { category: "error", text: "Only service accounts get keys from others." },
} as const;
