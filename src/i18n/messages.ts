/**
 * How a message is shown: a confirmation, a remark, a refusal. The keys and their categories are Flask-Security's
 * where it has them, so that JSON clients written for it keep working; the wording is ours.
 */
export type MessageCategory = "info" | "success" | "warning" | "error";

/** One message: its category and its English text with `{name}` placeholders. */
export interface Message {
  readonly category: MessageCategory;
  readonly text: string;
}

/** The answers of the account system in English, by key. */
export const messages = {
  // Sign-in and sign-out
  LOGIN: { category: "info", text: "Sign in to continue." },
  LOGGED_OUT: { category: "success", text: "You are signed out." },
  ALREADY_LOGGED_IN: { category: "info", text: "You are already signed in." },
  GENERIC_AUTHN_FAILED: {
    category: "error",
    text: "That did not match an account. Check what you typed and try again.",
  },
  USER_DOES_NOT_EXIST: { category: "error", text: "There is no such account." },
  US_SPECIFY_IDENTITY: { category: "error", text: "Say which account you want to sign in to." },
  IDENTITY_NOT_REGISTERED: { category: "error", text: "{id} is not known here." },
  INVALID_PASSWORD: { category: "error", text: "The password is wrong." },
  DISABLED_ACCOUNT: { category: "error", text: "This account has been switched off." },
  CONFIRMATION_REQUIRED: {
    category: "error",
    text: "Confirm your email address first: open the link that we mailed to you.",
  },
  TOO_MANY_ATTEMPTS: { category: "error", text: "Too many attempts. Please try again in {seconds} s." },
  ANONYMOUS_USER_REQUIRED: { category: "error", text: "This is only for visitors who are not signed in." },
  REFRESH_TOKEN_INVALID: { category: "error", text: "This refresh token cannot be used. Sign in again." },
  SESSIONS_OFF: { category: "error", text: "This server signs in programs only: it keeps no sessions for browsers." },
  UNAUTHENTICATED: { category: "error", text: "You need to sign in for this." },
  UNAUTHORIZED: { category: "error", text: "Your account does not have access to this." },

  ACTION_REFUSED: { category: "error", text: "This is not possible at the moment." },
  SESSION_ENDED: { category: "success", text: "That device is signed out." },
  OTHER_SESSIONS_ENDED: { category: "success", text: "All other devices are signed out." },

  // Registration
  REGISTERED: { category: "success", text: "Your account is ready. You can sign in now." },
  CONFIRM_REGISTRATION: {
    category: "success",
    text: "Nearly done: open the link that we have mailed to {email} to confirm your address.",
  },
  EMAIL_NOT_PROVIDED: { category: "error", text: "Enter your email address." },
  INVALID_EMAIL_ADDRESS: { category: "error", text: "This is not an email address." },
  EMAIL_ALREADY_ASSOCIATED: { category: "error", text: "{email} already belongs to an account." },
  IDENTITY_ALREADY_ASSOCIATED: { category: "error", text: "The {attr} “{value}” already belongs to an account." },
  USERNAME_NOT_PROVIDED: { category: "error", text: "Choose a username." },
  USERNAME_INVALID_LENGTH: { category: "error", text: "A username has {min} to {max} characters." },
  USERNAME_ILLEGAL_CHARACTERS: { category: "error", text: "The username contains characters that cannot be used." },
  USERNAME_DISALLOWED_CHARACTERS: { category: "error", text: "A username consists of letters and digits only." },
  USERNAME_ALREADY_ASSOCIATED: { category: "error", text: "The username {username} is taken." },

  USERNAME_RESERVED: { category: "error", text: "This username cannot be taken. Choose another one." },
  USERNAME_CHANGE: { category: "success", text: "Your username is changed." },
  USERNAME_RECOVERY_REQUEST: {
    category: "info",
    text: "If there is an account for this address, a mail with its username is on its way there.",
  },

  // Passwords
  PASSWORD_NOT_PROVIDED: { category: "error", text: "Enter a password." },
  PASSWORD_INVALID_LENGTH: { category: "error", text: "A password has {length} to {maximum} characters." },
  PASSWORD_TOO_COMMON: {
    category: "error",
    text: "Many people use this password. Choose one that is harder to guess.",
  },
  PASSWORD_TOO_SIMPLE: { category: "error", text: "This password is easy to guess. Make it longer or less regular." },
  PASSWORD_IS_IDENTITY: { category: "error", text: "Your name or address cannot be your password." },
  PASSWORD_ILLEGAL: { category: "error", text: "The password contains a control character, which cannot be used." },
  PASSWORD_IS_THE_SAME: { category: "error", text: "Choose a password that differs from the present one." },
  PASSWORD_BREACHED: {
    category: "error",
    text: "This password is on a list of stolen passwords. Choose another one.",
  },
  PASSWORD_BREACHED_SITE_ERROR: {
    category: "error",
    text: "The list of stolen passwords could not be asked. Please try again later.",
  },
  PASSWORD_IS_SITE_WORD: { category: "error", text: "The name of this site is easy to guess as a password." },
  PASSWORD_REUSED: { category: "error", text: "You have had this password before. Choose a new one." },
  STRENGTH_STRAIGHT_ROW: { category: "error", text: "Keys that stand in a row are easy to guess." },
  STRENGTH_KEY_PATTERN: { category: "error", text: "Short patterns on the keyboard are easy to guess." },
  STRENGTH_SIMPLE_REPEAT: { category: "error", text: "One character many times is easy to guess." },
  STRENGTH_EXTENDED_REPEAT: { category: "error", text: "The same few characters over and over are easy to guess." },
  STRENGTH_SEQUENCES: { category: "error", text: "Sequences such as “abc” or “6543” are easy to guess." },
  STRENGTH_RECENT_YEARS: { category: "error", text: "Years that are not long ago are easy to guess." },
  STRENGTH_DATES: { category: "error", text: "Dates are easy to guess." },
  STRENGTH_TOP_TEN: { category: "error", text: "This is one of the ten most common passwords." },
  STRENGTH_TOP_HUNDRED: { category: "error", text: "This is one of the hundred most common passwords." },
  STRENGTH_COMMON: { category: "error", text: "This is a common password." },
  STRENGTH_SIMILAR_TO_COMMON: { category: "error", text: "This is much like a common password." },
  STRENGTH_WORD_BY_ITSELF: { category: "error", text: "A single word is easy to guess." },
  STRENGTH_NAMES_BY_THEMSELVES: { category: "error", text: "A name alone is easy to guess." },
  STRENGTH_COMMON_NAMES: { category: "error", text: "Common names are easy to guess." },
  STRENGTH_USER_INPUTS: { category: "error", text: "What is known about you or this site is easy to guess." },
  STRENGTH_AVOID_LOOK_ALIKES: {
    category: "error",
    text: "Signs in place of letters, such as “@” for “a”, help little.",
  },
  STRENGTH_AVOID_REVERSED_WORDS: { category: "error", text: "A word written backwards is hardly better." },
  STRENGTH_AVOID_ALL_UPPERCASE: { category: "error", text: "Capital letters throughout help little." },
  STRENGTH_AVOID_CAPITALIZATION: { category: "error", text: "A capital letter at the beginning helps little." },
  STRENGTH_AVOID_DATES: { category: "error", text: "Leave out dates that have to do with you." },
  STRENGTH_AVOID_YEARS: { category: "error", text: "Leave out years that have to do with you." },
  STRENGTH_AVOID_SEQUENCES: { category: "error", text: "Leave out sequences of characters." },
  STRENGTH_AVOID_REPEATS: { category: "error", text: "Do not repeat words and characters." },
  STRENGTH_LONGER_KEYBOARD_PATTERN: {
    category: "error",
    text: "Make patterns on the keyboard longer, with more turns.",
  },
  STRENGTH_ADD_WORDS: { category: "error", text: "Add a word or two that are not common." },
  STRENGTH_USE_WORDS: { category: "error", text: "Take several words that do not belong together." },
  STRENGTH_NO_RULES: { category: "error", text: "It needs no digits, signs or capital letters to be strong." },
  PASSWORD_MISMATCH: { category: "error", text: "The two passwords differ." },
  RETYPE_PASSWORD_MISMATCH: { category: "error", text: "The two passwords differ." },
  PASSWORD_CHANGE: { category: "success", text: "Your password is changed." },

  // Mailed links
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
  PASSWORD_RESET_REQUEST: { category: "info", text: "A mail with a link for a new password is on its way to {email}." },
  PASSWORD_RESET: { category: "success", text: "Your new password is set, and you are signed in." },
  PASSWORD_RESET_NO_LOGIN: { category: "success", text: "Your new password is set. You can sign in with it now." },
  ACCOUNT_UNLOCKED: { category: "success", text: "Your account is unlocked. You can sign in again." },
  INVALID_UNLOCK_TOKEN: { category: "error", text: "This link does not work (any more)." },
  INVALID_RESET_PASSWORD_TOKEN: {
    category: "error",
    text: "This link does not work (any more). Let us mail you a new one.",
  },
  LOGIN_EMAIL_SENT: { category: "success", text: "A mail with a link that signs you in is on its way to {email}." },
  PASSWORDLESS_LOGIN_SUCCESSFUL: { category: "success", text: "You are signed in." },
  INVALID_LOGIN_TOKEN: {
    category: "error",
    text: "This link does not work (any more). Let us mail you a new one.",
  },
  CHANGE_EMAIL_SENT: {
    category: "success",
    text: "A mail with a link is on its way to {email}. Open it to make the change.",
  },
  CHANGE_EMAIL_CONFIRMED: { category: "success", text: "Your new address is confirmed and in use." },
  INVALID_CHANGE_EMAIL_TOKEN: {
    category: "error",
    text: "This link does not work (any more). Ask for the change again.",
  },

  INVALID_LINK: { category: "error", text: "This link does not work (any more)." },

  SIGN_IN_DISOWNED: {
    category: "success",
    text: "Everybody is signed out of your account. A mail with a link for a new password is on its way.",
  },

  // The end of an account
  DELETE_ACCOUNT_SENT: { category: "info", text: "A mail with a link is on its way to you. Open it to go on." },
  ACCOUNT_DELETION_BEGUN: {
    category: "success",
    text: "Your account is shut and will be deleted. Until then, the link in the mail to you takes it back.",
  },
  ACCOUNT_DELETED: { category: "success", text: "Your account is deleted." },
  ACCOUNT_BEING_DELETED: { category: "error", text: "This account is about to be deleted." },
  ACCOUNT_KEPT: { category: "success", text: "Your account stays. You can sign in again." },

  // Re-authentication
  REAUTHENTICATION_REQUIRED: { category: "error", text: "Show that it is you before you go on." },
  REAUTHENTICATION_SUCCESSFUL: { category: "info", text: "Thank you, that was you." },

  // Answers that tell outsiders nothing
  GENERIC_RECOVERY: {
    category: "info",
    text: "If there is an account for this, a mail with the next step is on its way to its address.",
  },
  GENERIC_REGISTRATION: {
    category: "info",
    text: "Look into your mailbox: if this address can be used, the next step is in a mail that we have just sent.",
  },
  GENERIC_US_SIGNIN: { category: "info", text: "If there is an account for this, a code is on its way." },

  // Requests
  CSRF_MISSING: { category: "error", text: "The form came without its security token. Reload the page and try again." },
  CSRF_INVALID: { category: "error", text: "The form has been open for too long. Reload the page and try again." },
  CSRF_ORIGIN: { category: "error", text: "The request came from another website and was refused." },
  INVALID_REDIRECT: { category: "error", text: "Only pages of this website can be opened next." },
  INVALID_REQUEST: { category: "error", text: "The request could not be read." },
  INVALID_INPUT: { category: "error", text: "Something in the input is not right." },
  INVALID_INPUT_LENGTH: { category: "error", text: "The input is too short or too long." },
  FIELD_REQUIRED: { category: "error", text: "This cannot be left empty." },
  FIELD_INVALID: { category: "error", text: "This value cannot be used." },
  UNEXPECTED_FIELD: { category: "error", text: "The field “{name}” does not belong here." },
  UNSUPPORTED_MEDIA_TYPE: { category: "error", text: "Content of this type is not accepted here." },
  PAYLOAD_TOO_LARGE: { category: "error", text: "The request is larger than this server accepts." },
  METHOD_NOT_ALLOWED: { category: "error", text: "This address does not answer requests of this kind." },
  NOT_FOUND: { category: "error", text: "There is nothing at this address." },
  SERVER_BUSY: { category: "error", text: "The server is busy. Please try again in {seconds} s." },
  API_ERROR: { category: "error", text: "The request could not be answered." },
  SERVER_ERROR: { category: "error", text: "Something went wrong on our side. Please try again later." },
} as const;
