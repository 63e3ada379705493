/** Registration, and what e-mail addresses and usernames must be. */
export const registration = {
  REGISTERED: { category: "success", text: "Your account is ready. You can sign in now." },
  REGISTERED_SIGNED_IN: { category: "success", text: "Your account is ready, and you are signed in." },
  CONFIRM_REGISTRATION: {
    category: "success",
    text: "Nearly done: open the link that we have mailed to {email} to confirm your address.",
  },
  EMAIL_NOT_PROVIDED: { category: "error", text: "Enter your email address." },
  INVALID_EMAIL_ADDRESS: { category: "error", text: "This is not an email address." },
  EMAIL_NOT_DELIVERABLE: {
    category: "error",
    text: "No mail can be sent to this address: before the @ there may only be Latin letters without accents, digits and signs.",
  },
  EMAIL_ALREADY_ASSOCIATED: { category: "error", text: "{email} already belongs to an account." },
  IDENTITY_ALREADY_ASSOCIATED: { category: "error", text: "The {attr} “{value}” already belongs to an account." },
  USERNAME_NOT_PROVIDED: { category: "error", text: "Choose a username." },
  USERNAME_INVALID_LENGTH: { category: "error", text: "A username has {min} to {max} characters." },
  USERNAME_ILLEGAL_CHARACTERS: { category: "error", text: "The username contains characters that cannot be used." },
  USERNAME_DISALLOWED_CHARACTERS: { category: "error", text: "A username consists of letters and digits only." },
  USERNAME_ASCII_ONLY: { category: "error", text: "A username consists of the letters a to z and digits only." },
  USERNAME_MIXED_ALPHABETS: {
    category: "error",
    text: "A username is written in one alphabet, and must not look like a name in another one.",
  },
  USERNAME_ALREADY_ASSOCIATED: { category: "error", text: "The username {username} is taken." },
  TITLE_REGISTER: "Create an account",
  INTRO_REGISTER: "It takes less than a minute.",
  SUBMIT_REGISTER: "Create account",
  USERNAME_RESERVED: { category: "error", text: "This username cannot be taken. Choose another one." },
} as const;
