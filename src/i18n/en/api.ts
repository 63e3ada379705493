/** The page that describes the API. What it says of single operations is the application's own. */
export const api = {
  TITLE_API: "API",
  API_DOCUMENT: "The same for programs (OpenAPI)",
  API_OPERATIONS: "Operations",
  API_GUARD: "Who may",
  API_CREDENTIALS: "Signed in by",
  API_NO_CREDENTIALS: "nothing: open to everybody",
  API_CREDENTIALS_OR: "or",
  API_SCHEMES: "Ways to sign in",
  API_PARAMETERS: "Parameters",
  API_PARAMETER: "Parameter",
  API_PLACE: "Where",
  API_TYPE: "Type",
  API_MEANING: "Meaning",
  API_REQUIRED: "required",
  API_BODY: "Body",
  API_ANSWERS: "Answers",
} as const;
