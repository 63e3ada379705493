/** What passwords must be, and their change. */
export const passwords = {
  PASSWORD_NOT_PROVIDED: { category: "error", text: "Enter a password." },
  PASSWORD_INVALID_LENGTH: { category: "error", text: "A password has {length} to {maximum} characters." },
  PASSWORD_TOO_COMMON: {
    category: "error",
    text: "Many people use this password. Choose one that is harder to guess.",
  },
  PASSWORD_TOO_SIMPLE: { category: "error", text: "This password is easy to guess. Make it longer or less regular." },
  PASSWORD_IS_IDENTITY: { category: "error", text: "Your name or address cannot be your password." },
  PASSWORD_ILLEGAL: { category: "error", text: "The password contains a control character, which cannot be used." },
  PASSWORD_BLANK: { category: "error", text: "The password has no character that can be seen." },
  PASSWORD_REFUSED: { category: "error", text: "This password is not accepted. Choose another one." },
  PASSWORD_IS_THE_SAME: { category: "error", text: "Choose a password that differs from the present one." },
  PASSWORD_BREACHED: { category: "error", text: "This password is on a list of stolen passwords. Choose another one." },
  PASSWORD_BREACHED_SITE_ERROR: {
    category: "error",
    text: "The list of stolen passwords could not be asked. Please try again later.",
  },
  RETYPE_PASSWORD_MISMATCH: { category: "error", text: "The two passwords differ." },
  PASSWORD_CHANGE: { category: "success", text: "Your password is changed." },
  HINT_PASSWORD_LENGTH: "At least {min} characters. A few unrelated words make a good one.",
  PASSWORD_IS_SITE_WORD: { category: "error", text: "The name of this site is easy to guess as a password." },
  PASSWORD_REUSED: { category: "error", text: "You have had this password before. Choose a new one." },
  TITLE_EXPIRED_PASSWORD: "Choose a new password",
  INTRO_EXPIRED_PASSWORD: "Your password is old. Choose a new one to go on.",
  SUBMIT_EXPIRED_PASSWORD: "Save and sign in",
  PASSWORD_PATTERN: { category: "error", text: "The password does not have the form that is asked for here." },
} as const;
