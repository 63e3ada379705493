/** Changes of an account: password, e-mail address, username. */
export const account = {
  USERNAME_CHANGE: { category: "success", text: "Your username is changed." },
  CHANGE_EMAIL_SENT: {
    category: "success",
    text: "A mail with a link is on its way to {email}. Open it to make the change.",
  },
  EMAIL_IS_YOURS: { category: "error", text: "This is your address already." },
  CHANGE_EMAIL_PENDING: "Waits for its link to be opened",
  CHANGE_EMAIL_PENDING_UNTIL: "The link works until",
  SUBMIT_CANCEL_CHANGE_EMAIL: "Keep the present address",
  CHANGE_EMAIL_CANCELLED: {
    category: "success",
    text: "Your address stays as it is. The link that was mailed does not work any more.",
  },
  CHANGE_EMAIL_NOT_PENDING: { category: "info", text: "This change was not waiting any more." },
  INVALID_CHANGE_EMAIL_TOKEN: {
    category: "error",
    text: "This link does not work (any more). Ask for the change again.",
  },
  TITLE_CHANGE_PASSWORD: "Change your password",
  INTRO_CHANGE_PASSWORD: "Your other devices will be signed out.",
  INTRO_SET_PASSWORD: "Your account has no password yet. Your other devices will be signed out.",
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
  INTRO_CHANGE_EMAIL_CONFIRM_ELSEWHERE:
    "From now on your account belongs to {email}. You will be signed out everywhere, also where you asked for this change.",
  INTRO_CHANGE_EMAIL_CONFIRM_ASKING:
    "This is not the browser in which {email} was asked for as your new address. Enter the account’s password, or choose a new one. You will be signed out everywhere, also where you asked for this change.",
  SUBMIT_CHANGE_EMAIL_CONFIRM: "Use this address",
  ACCOUNT_UNLOCKED: { category: "success", text: "Your account is unlocked. You can sign in again." },
  INVALID_UNLOCK_TOKEN: { category: "error", text: "This link does not work (any more)." },
  TITLE_UNLOCK: "Unlock your account",
  INTRO_UNLOCK: "Signing in as {email} is possible again at once.",
  SUBMIT_UNLOCK: "Unlock",
} as const;
