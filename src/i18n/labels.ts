/** What the pages say besides the answers: titles, labels, hints, buttons and links, in English, by key. */
export const labels = {
  // Fields
  LABEL_EMAIL: "Email",
  LABEL_USERNAME: "Username",
  LABEL_IDENTITY: "Email or username",
  LABEL_PASSWORD: "Password",
  LABEL_PASSWORD_NEW: "New password",
  LABEL_PASSWORD_CONFIRM: "Password again",
  LABEL_REMEMBER: "Keep me signed in on this device",
  HINT_PASSWORD_LENGTH: "At least {min} characters. A few unrelated words make a good one.",

  // Pages
  TITLE_LOGIN: "Sign in",
  INTRO_LOGIN: "Good to see you again.",
  SUBMIT_LOGIN: "Sign in",
  TITLE_LOGOUT: "Sign out",
  INTRO_LOGOUT: "Do you want to sign out of this device?",
  SUBMIT_LOGOUT: "Sign out",
  TITLE_REGISTER: "Create an account",
  INTRO_REGISTER: "It takes less than a minute.",
  SUBMIT_REGISTER: "Create account",
  TITLE_VERIFY: "Is it you?",
  INTRO_VERIFY: "This page is protected. Enter your password again to go on.",
  SUBMIT_VERIFY: "Continue",
  TITLE_ERROR: "That did not work",
  TITLE_NOT_FOUND: "Not found",
  TITLE_UNAUTHORIZED: "No access",

  // Links
  LINK_LOGIN: "Sign in",
  LINK_LOGOUT: "Sign out",
  LINK_REGISTER: "Create an account",
  LINK_HOME: "Back to the start",
  FORGOT_PASSWORD: "Forgot your password?",

  // The frame of every page
  SKIP_TO_CONTENT: "Skip to the content",
  NAVIGATION: "Account",
  SIGNED_IN_AS: "Signed in as {name}",
  ERROR_SUMMARY: "Please look at this again",

  // Mails
  MAIL_BUTTON_HELP: "If the button does not work, open this address:",
  MAIL_TEST_SUBJECT: "Mail from {site} arrives",
  MAIL_TEST_TEXT: "Somebody who looks after this website wanted to see whether its mail arrives. It does.",
} as const;
