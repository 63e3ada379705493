/** The end of an account, and the export of its data. */
export const deletion = {
  DELETE_ACCOUNT_SENT: { category: "info", text: "A mail with a link is on its way to you. Open it to go on." },
  ACCOUNT_DELETION_BEGUN: {
    category: "success",
    text: "Your account is shut and will be deleted. Until then, the link in the mail to you takes it back.",
  },
  ACCOUNT_DELETED: { category: "success", text: "Your account is deleted." },
  ACCOUNT_BEING_DELETED: { category: "error", text: "This account is about to be deleted." },
  ACCOUNT_KEPT: { category: "success", text: "Your account stays. You can sign in again." },
  TITLE_DELETE_ACCOUNT: "Delete your account",
  INTRO_DELETE_ACCOUNT:
    "Your account is shut at once and deleted after a while. A link in a mail to you takes it back until then.",
  INTRO_DELETE_ACCOUNT_NOW: "Your account and its data are deleted at once. There is no way back.",
  INTRO_DELETE_ACCOUNT_CONFIRM: "You are about to delete the account of {email}.",
  SUBMIT_DELETE_ACCOUNT: "Delete my account",
  TITLE_KEEP_ACCOUNT: "Keep your account",
  INTRO_KEEP_ACCOUNT: "The account of {email} will not be deleted.",
  SUBMIT_KEEP_ACCOUNT: "Keep my account",
  TITLE_EXPORT_ACCOUNT: "Your data",
  INTRO_EXPORT_ACCOUNT: "Everything that is stored of your account, as a file that programs can read.",
  SUBMIT_EXPORT_ACCOUNT: "Download my data",
} as const;
