/** Confirmation of e-mail addresses. */
export const confirmation = {
  CONFIRMATION_REQUEST: {
    category: "info",
    text: "If {email} is waiting to be confirmed, a mail with a link is on its way there.",
  },
  EMAIL_CONFIRMED: { category: "success", text: "Thank you, your address is confirmed." },
  ALREADY_CONFIRMED: { category: "info", text: "This address is already confirmed." },
  INVALID_CONFIRMATION_TOKEN: {
    category: "error",
    text: "This link does not work (any more). Let us mail you a new one.",
  },
  TITLE_SEND_CONFIRMATION: "Confirm your address",
  INTRO_SEND_CONFIRMATION: "We mail you a link that shows that this address is yours.",
  SUBMIT_SEND_CONFIRMATION: "Send the link",
  TITLE_CONFIRM_EMAIL: "Confirm your address",
  INTRO_CONFIRM_EMAIL: "One more click, and {email} is confirmed as yours.",
  SUBMIT_CONFIRM_EMAIL: "Confirm",
  INTRO_FIRST_PROOF:
    "Nobody has shown yet that {email} belongs to this account. Enter the account’s password. If you do not know it, or did not create the account, choose a new one: everything set up before then ends.",
  FIRST_PROOF_OR: "or choose a new password",
  FIRST_PROOF_NEEDS_PASSWORD: { category: "error", text: "Enter the account’s password, or choose a new one." },
  LINK_CONFIRM: "Confirm your address",
} as const;
