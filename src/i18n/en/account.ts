/** Changes of an account: password, e-mail address, username. */
export const account = {
  USERNAME_CHANGE: { category: "success", text: "Your username is changed." },
  CHANGE_EMAIL_SENT: {
    category: "success",
    text: "A mail with a link is on its way to {email}. Open it to make the change.",
  },
  INVALID_CHANGE_EMAIL_TOKEN: {
    category: "error",
    text: "This link does not work (any more). Ask for the change again.",
  },
  TITLE_CHANGE_PASSWORD: "Change your password",
  INTRO_CHANGE_PASSWORD: "Your other devices will be signed out.",
  SUBMIT_CHANGE_PASSWORD: "Change the password",
  TITLE_CHANGE_EMAIL: "Change your email address",
  INTRO_CHANGE_EMAIL: "We mail a link to the new address. Nothing changes before you open it.",
  SUBMIT_CHANGE_EMAIL: "Send the link",
  TITLE_CHANGE_USERNAME: "Change your username",
  INTRO_CHANGE_USERNAME: "Leave it empty to have none. Your other devices will be signed out.",
  SUBMIT_CHANGE_USERNAME: "Change the username",
  CHANGE_EMAIL_CONFIRMED: { category: "success", text: "Your new address is confirmed and in use." },
  TITLE_CHANGE_EMAIL_CONFIRM: "Confirm your new address",
  INTRO_CHANGE_EMAIL_CONFIRM: "From now on your account belongs to {email}. Your other devices will be signed out.",
  SUBMIT_CHANGE_EMAIL_CONFIRM: "Use this address",
} as const;
