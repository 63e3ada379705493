/** What is wrong with a request, whatever it was for. */
export const requests = {
  CSRF_MISSING: {
    category: "error",
    text: "The form came without its security token. Open its page anew and send it again.",
  },
  CSRF_INVALID: {
    category: "error",
    text: "The form has been open for too long. Open its page anew and send it again.",
  },
  FORM_STALE: {
    category: "warning",
    text: "This page had been open for too long, and nothing was done yet. It is up to date now: please send it again.",
  },
  FORM_FOR_ANOTHER: {
    category: "warning",
    text: "Nothing was done: the page was shown for another account. Now it is for {account}. Send it again only if you mean that one.",
  },
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
  SERVER_FAILED: { category: "error", text: "Something went wrong on our side." },
  INSECURE_TRANSPORT: { category: "error", text: "This server answers over HTTPS only." },
  NOT_FOUND: { category: "error", text: "There is nothing at this address." },
  SERVER_BUSY: {
    category: "error",
    text: "The server is busy. Please try again in {seconds, plural, one {# second} other {# seconds}}.",
  },
  API_ERROR: { category: "error", text: "The request could not be answered." },
  SERVER_ERROR: { category: "error", text: "Something went wrong on our side. Please try again later." },
  PARAMETER_MISSING: "is required",
  PARAMETER_UNEXPECTED: "is not expected here",
  PARAMETER_DUPLICATE: "is given more than once",
  PARAMETER_INVALID: "has a value that cannot be used",
  ACTION_REFUSED: { category: "error", text: "This is not possible at the moment." },
  INVALID_LINK: { category: "error", text: "This link does not work (any more)." },
  LINK_OPEN_AGAIN: {
    category: "info",
    text: "Your link is still good, but this page needs it once more: open the link in the mail again, in this browser.",
  },
} as const;
