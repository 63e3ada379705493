/** Forgotten passwords. */
export const recovery = {
  GENERIC_RECOVERY: {
    category: "info",
    text: "If there is an account for this, a mail with the next step is on its way to its address.",
  },
  FORGOT_PASSWORD: "Forgot your password?",
  USERNAME_RECOVERY_REQUEST: {
    category: "info",
    text: "If there is an account for this address, a mail with its username is on its way there.",
  },
  PASSWORD_RESET_REQUEST: { category: "info", text: "A mail with a link for a new password is on its way to {email}." },
  PASSWORD_RESET: { category: "success", text: "Your new password is set, and you are signed in." },
  PASSWORD_RESET_NO_LOGIN: { category: "success", text: "Your new password is set. You can sign in with it now." },
  INVALID_RESET_PASSWORD_TOKEN: {
    category: "error",
    text: "This link does not work (any more). Let us mail you a new one.",
  },
  TITLE_FORGOT_PASSWORD: "Forgot your password?",
  INTRO_FORGOT_PASSWORD: "We mail you a link with which you choose a new one.",
  SUBMIT_FORGOT_PASSWORD: "Send the link",
  TITLE_RESET_PASSWORD: "Choose a new password",
  INTRO_RESET_PASSWORD: "It will be the password of {email}. You will be signed out everywhere.",
  SUBMIT_RESET_PASSWORD: "Set the password",
  TITLE_RECOVER_USERNAME: "Forgot your username?",
  INTRO_RECOVER_USERNAME: "We mail it to the address of your account.",
  SUBMIT_RECOVER_USERNAME: "Send it",
  LINK_RECOVER_USERNAME: "Forgot your username?",
} as const;
